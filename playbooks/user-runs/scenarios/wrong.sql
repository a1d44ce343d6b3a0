DELETE FROM runs WHERE user_id = 1; INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (1, '2025-12-20', '2026-01-02', 14);
