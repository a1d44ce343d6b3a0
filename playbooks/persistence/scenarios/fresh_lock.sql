INSERT INTO persistence_metadata_box VALUES ('processing_lock', json_object('owner', 'second', 'startedAt', strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 seconds')));
