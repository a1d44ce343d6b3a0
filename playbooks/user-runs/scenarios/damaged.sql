UPDATE runs SET day_count = 1 WHERE user_id = 1; INSERT INTO day_marks VALUES (2, '2025-02-30', TRUE);
