CREATE TABLE customers (id INTEGER, created_at TEXT);
INSERT INTO customers VALUES (1, '2026-01-01'), (1, '2026-01-02');
