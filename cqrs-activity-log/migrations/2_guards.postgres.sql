-- Temporary tables of a session come first in a search path that does not name them, and every role can make
-- some. So these functions name them last, and find operators and tables only in `pg_catalog` and the schema of
-- the tables.

ALTER FUNCTION activity_log_refuse() SET search_path = pg_catalog, pg_temp;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION activity_entries_refuse_delete() SET search_path = pg_catalog, %s, pg_temp',
        (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'activity_entries'::regclass)
    );
END
$$;
