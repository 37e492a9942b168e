-- Ways around the triggers of the first version.

-- REPLACE also deletes the row with the given rowid.
CREATE TRIGGER activity_entries_refuse_replace_of_row BEFORE INSERT ON activity_entries
WHEN EXISTS (SELECT 1 FROM activity_entries WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be replaced');
END;

CREATE TRIGGER activity_chains_refuse_replace_of_row BEFORE INSERT ON activity_chains
WHEN EXISTS (SELECT 1 FROM activity_chains WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log cannot be replaced');
END;

-- OR REPLACE turns NULL into the default after the trigger, and NULL is not less than any number.
DROP TRIGGER activity_chains_refuse_going_back;
CREATE TRIGGER activity_chains_refuse_going_back BEFORE UPDATE ON activity_chains
WHEN NEW.rowid IS NOT OLD.rowid
  OR NEW.tenant IS NOT OLD.tenant
  OR NEW.head_sequence IS NULL
  OR NEW.head_sequence < OLD.head_sequence
  OR NEW.base_sequence IS NULL
  OR NEW.base_sequence < OLD.base_sequence
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log only grows');
END;
