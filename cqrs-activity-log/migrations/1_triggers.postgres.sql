CREATE FUNCTION activity_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END
$$;

CREATE TRIGGER activity_entries_refuse_update BEFORE UPDATE ON activity_entries
    FOR EACH ROW EXECUTE FUNCTION activity_log_refuse('entries of the activity log cannot be changed');
CREATE TRIGGER activity_entries_refuse_truncate BEFORE TRUNCATE ON activity_entries
    EXECUTE FUNCTION activity_log_refuse('entries of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_delete BEFORE DELETE ON activity_chains
    FOR EACH ROW EXECUTE FUNCTION activity_log_refuse('a chain of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_truncate BEFORE TRUNCATE ON activity_chains
    EXECUTE FUNCTION activity_log_refuse('a chain of the activity log cannot be deleted');
CREATE TRIGGER activity_chains_refuse_going_back BEFORE UPDATE ON activity_chains FOR EACH ROW
    WHEN (NEW.tenant <> OLD.tenant
          OR NEW.head_sequence < OLD.head_sequence
          OR NEW.base_sequence < OLD.base_sequence)
    EXECUTE FUNCTION activity_log_refuse('a chain of the activity log only grows');

-- With the search path of the schema of the tables, so that the trigger finds them from any session.
CREATE FUNCTION activity_entries_refuse_delete() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM activity_chains WHERE tenant = OLD.tenant AND base_sequence >= OLD.sequence
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries of the activity log cannot be deleted; retention prunes them';
END
$$;

CREATE TRIGGER activity_entries_refuse_delete BEFORE DELETE ON activity_entries
    FOR EACH ROW EXECUTE FUNCTION activity_entries_refuse_delete();
