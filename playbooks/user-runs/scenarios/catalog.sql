-- What PostgreSQL tells of its indexes, for a database that stands for it.
CREATE TABLE pg_class AS SELECT rowid AS oid, name AS relname FROM sqlite_master WHERE type = 'table';
CREATE TABLE pg_attribute AS SELECT t.rowid AS attrelid, c.cid AS attnum, c.name AS attname
  FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table';
CREATE TABLE pg_index AS SELECT t.rowid AS indrelid, (SELECT x.cid FROM pragma_index_info(i.name) x WHERE x.seqno = 0) AS indkey
  FROM sqlite_master t JOIN pragma_index_list(t.name) i WHERE t.type = 'table';
