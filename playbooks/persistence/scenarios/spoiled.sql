DELETE FROM pending_index_box;
CREATE TRIGGER spoils AFTER INSERT ON pending_index_box WHEN NEW.op_id = 'op2' BEGIN
  UPDATE pending_index_box SET position = 77 WHERE op_id = 'op2';
END;
