CREATE TRIGGER activity_entries_refuse_update BEFORE UPDATE ON activity_entries
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be changed');
END;

-- REPLACE deletes without firing the trigger of DELETE.
CREATE TRIGGER activity_entries_refuse_replace BEFORE INSERT ON activity_entries
WHEN EXISTS (SELECT 1 FROM activity_entries WHERE tenant = NEW.tenant AND sequence = NEW.sequence)
  OR EXISTS (SELECT 1 FROM activity_entries WHERE tenant = NEW.tenant AND id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be replaced');
END;

CREATE TRIGGER activity_entries_refuse_delete BEFORE DELETE ON activity_entries
WHEN NOT EXISTS (
    SELECT 1 FROM activity_chains WHERE tenant = OLD.tenant AND base_sequence >= OLD.sequence
)
BEGIN
    SELECT RAISE(ABORT, 'entries of the activity log cannot be deleted; retention prunes them');
END;

CREATE TRIGGER activity_chains_refuse_going_back BEFORE UPDATE ON activity_chains
WHEN NEW.tenant <> OLD.tenant
  OR NEW.head_sequence < OLD.head_sequence
  OR NEW.base_sequence < OLD.base_sequence
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log only grows');
END;

CREATE TRIGGER activity_chains_refuse_replace BEFORE INSERT ON activity_chains
WHEN EXISTS (SELECT 1 FROM activity_chains WHERE tenant = NEW.tenant)
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log cannot be replaced');
END;

CREATE TRIGGER activity_chains_refuse_delete BEFORE DELETE ON activity_chains
BEGIN
    SELECT RAISE(ABORT, 'a chain of the activity log cannot be deleted');
END;
