-- The day is 2026-01-15. Users 1 to 3 are well; 4 has no marked day.
INSERT INTO users VALUES (1, 'ann@example.org', 'UTC'), (2, 'bob@example.org', 'Asia/Tokyo'), (3, 'cy@example.org', 'UTC'), (4, 'dan@example.org', 'UTC');
WITH RECURSIVE d (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM d WHERE i < 39)
  INSERT INTO day_marks SELECT u.id, date('2026-01-14', '-' || i || ' days'), i NOT IN (10, 20, 21) FROM users u, d WHERE u.id <> 4;
INSERT INTO day_marks VALUES (4, '2026-01-02', FALSE);
INSERT INTO runs (user_id, start_date, end_date, day_count, active)
  SELECT user_id, min(date), max(date), count(*), max(date) >= '2026-01-14' FROM (SELECT user_id, date,
    CAST(julianday(date) AS INTEGER) - row_number() OVER (PARTITION BY user_id ORDER BY date) AS island FROM day_marks WHERE value)
  GROUP BY user_id, island;
INSERT INTO runs_backup SELECT 'old', '2025-10-01T00:00:00Z', r.* FROM runs r;
INSERT INTO runs_backup SELECT 'new', '2026-01-14T00:00:00Z', r.* FROM runs r WHERE user_id = 1;
