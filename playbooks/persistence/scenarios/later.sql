-- What came in after the backup of 02:00.
INSERT INTO pending_ops_box VALUES ('op3', 'key3', '2026-01-15T09:30:00Z', 0, '{}');
