-- Ends an account that no lease knows (a mint that was cut off can leave one), and nothing else: the name must
-- begin with Leasehold's tag. It runs with the engine's rights; the caller has none of them.
--
-- One step per call, because a step must be committed before the next is safe:
--   'closed'  the account can no longer log in; call again
--   'ended'   its sessions were ended, what it owned and the account itself were dropped
--   'gone'    there is no such account
CREATE SCHEMA leasehold;

CREATE FUNCTION leasehold.end_account(account text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    can_login boolean;
BEGIN
    IF account !~ '^lh[a-z0-9]{4}[a-z]{12}(-[a-z0-9]{8})?$' THEN
        RAISE EXCEPTION 'not an account of ours' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT rolcanlogin INTO can_login FROM pg_roles WHERE rolname = account;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    IF can_login THEN
        EXECUTE format('ALTER ROLE %I NOLOGIN', account);
        RETURN 'closed';
    END IF;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = account;
    EXECUTE format('DROP OWNED BY %I', account);
    EXECUTE format('DROP ROLE %I', account);
    RETURN 'ended';
END
$$;

ALTER FUNCTION leasehold.end_account(text) OWNER TO openbao_engine;
REVOKE ALL ON FUNCTION leasehold.end_account(text) FROM PUBLIC;
-- The owner itself needs to see the schema to run in it.
GRANT USAGE ON SCHEMA leasehold TO openbao_engine;
