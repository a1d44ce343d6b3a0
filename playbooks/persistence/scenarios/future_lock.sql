INSERT INTO persistence_metadata_box VALUES ('processing_lock', json_object('owner', 'second', 'startedAt', '2999-01-01T00:00:00Z'));
