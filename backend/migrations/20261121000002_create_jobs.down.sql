-- Removes the queue with all its jobs.
DROP TABLE jobs;
