-- Removes the records of all files; the files themselves are removed as orphans.
DROP TABLE schedules;
DROP TABLE exports;
DROP TABLE attachments;
