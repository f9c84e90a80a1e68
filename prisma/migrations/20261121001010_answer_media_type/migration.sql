-- Answers that are no JSON keep their media type: every replay sends the same bytes under the same one.
ALTER TABLE payments ADD COLUMN answer_media_type TEXT;
ALTER TABLE payments ADD CONSTRAINT payments_answer_media_type CHECK (answer_media_type IS NULL OR answer_status IS NOT NULL);
CREATE TRIGGER payments_answer_type_guard BEFORE UPDATE OF answer_media_type ON payments FOR EACH ROW
  WHEN (OLD.answer_body IS NOT NULL AND OLD.state <> 'voided' AND NEW.answer_media_type IS DISTINCT FROM OLD.answer_media_type)
  EXECUTE FUNCTION payments_refuse('a stored answer never changes');
