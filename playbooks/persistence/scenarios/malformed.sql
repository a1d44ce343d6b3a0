INSERT INTO pending_ops_box VALUES ('op3', 'key3', 'some day', 0, '{}');
