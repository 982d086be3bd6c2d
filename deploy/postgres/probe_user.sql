-- The account with which Leasehold looks whether a credential is dead: it sees all sessions and reads no data.
-- The broker opens four sessions at most; as many of one that was killed may not be gone yet.
-- Variables: probe_password.
CREATE ROLE leasehold_probe LOGIN PASSWORD :'probe_password' CONNECTION LIMIT 8;
GRANT pg_read_all_stats TO leasehold_probe;
GRANT USAGE ON SCHEMA leasehold TO leasehold_probe;
GRANT EXECUTE ON FUNCTION leasehold.end_account(text) TO leasehold_probe;
