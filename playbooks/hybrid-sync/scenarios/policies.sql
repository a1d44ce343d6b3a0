-- A table whose policy lets the application see one row of three, and what PostgreSQL tells of it.
CREATE TABLE customers (id INTEGER PRIMARY KEY, owner TEXT);
INSERT INTO customers VALUES (1, 'app'), (2, 'office'), (3, 'office');
CREATE TABLE pg_policies (schemaname TEXT, tablename TEXT, policyname TEXT, cmd TEXT, qual TEXT);
INSERT INTO pg_policies VALUES ('public', 'customers', 'own', 'ALL', 'owner');
CREATE TABLE pg_class (oid INTEGER PRIMARY KEY, relname TEXT, relrowsecurity INTEGER);
INSERT INTO pg_class VALUES (1, 'customers', 1);
