-- Removes the task board with all its tasks.
DROP TABLE board_stats;
DROP TABLE tasks;
