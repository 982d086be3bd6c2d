-- The account under which the engine makes and ends accounts. Never a superuser.
-- Variables: engine_password.
CREATE ROLE openbao_engine LOGIN CREATEROLE PASSWORD :'engine_password';

-- What credentials may do is said once, in a group role: accounts join it and are dropped without a trace.
CREATE ROLE app_ro NOLOGIN;
GRANT app_ro TO openbao_engine WITH ADMIN OPTION;
