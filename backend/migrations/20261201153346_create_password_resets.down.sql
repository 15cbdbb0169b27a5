-- Ends all links that were sent and not used.
DROP TABLE password_resets;
