CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, timezone TEXT NOT NULL);
CREATE TABLE day_marks (user_id INTEGER NOT NULL, date TEXT NOT NULL, value BOOLEAN NOT NULL, PRIMARY KEY (user_id, date));
CREATE TABLE runs (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, start_date TEXT NOT NULL, end_date TEXT NOT NULL,
  day_count INTEGER NOT NULL, active BOOLEAN NOT NULL DEFAULT FALSE);
CREATE INDEX runs_of_user ON runs (user_id);
CREATE TABLE runs_backup AS SELECT '' AS label, '' AS taken_at, r.* FROM runs r WHERE 1 = 0;
