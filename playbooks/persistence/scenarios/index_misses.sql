DELETE FROM pending_index_box WHERE op_id = 'op1';
