CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER, note TEXT);
CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT, at TEXT);
INSERT INTO orders (customer, cents) VALUES ('ann', 100), ('bob', 200);
INSERT INTO audit (what) VALUES ('made');
PRAGMA user_version = 1;
