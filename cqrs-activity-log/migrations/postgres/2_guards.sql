-- A search path that does not name the temporary tables of a session has them first, and anybody can make
-- one. These functions look into the schema of the tables, and take operators from nowhere else.

ALTER FUNCTION activity_log_refuse() SET search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION activity_entries_refuse_delete() SET search_path = pg_catalog, %s, pg_temp',
        (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'activity_entries'::regclass)
    );
END
$$;
