-- Removes all accounts.
DROP TABLE idempotency_keys;
DROP TABLE users;
