CREATE TABLE customers (ctid INTEGER PRIMARY KEY, id INTEGER, created_at TEXT);
INSERT INTO customers (id, created_at) VALUES (1, '2026-01-01'), (1, '2026-01-02'), (1, '2026-01-03'), (2, '2026-01-01'), (2, '2026-01-02'), (3, '2026-01-01');
