CREATE TABLE persistence_metadata_box (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE pending_ops_box (id TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, payload TEXT);
CREATE TABLE pending_index_box (position INTEGER PRIMARY KEY, op_id TEXT NOT NULL UNIQUE);
CREATE TABLE failed_ops_box (id TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
  failed_at TEXT NOT NULL, attempts INTEGER NOT NULL, error TEXT, payload TEXT);
CREATE TABLE audit_logs_box (id TEXT PRIMARY KEY, at TEXT, event TEXT, subject TEXT, payload TEXT);
INSERT INTO persistence_metadata_box VALUES ('schemaVersion', '3');
INSERT INTO pending_ops_box VALUES ('op1', 'key1', '2026-01-15T09:00:00Z', 0, '{}'), ('op2', 'key2', '2026-01-15T09:01:00Z', 0, '{}');
INSERT INTO pending_index_box VALUES (1, 'op1'), (2, 'op2');
PRAGMA user_version = 3;
