#!/bin/sh
# The database engine, and a role whose accounts really end: sessions too, and whatever the user did to stay.
# Needs: POSTGRES (host:port/database), ENGINE_PASSWORD (of openbao_engine), SSL_MODE (verify-full outside tests).
set -eu
bao=${BAO:-bao}

"$bao" secrets enable -path=database database

# One statement at a time per connection: the timeouts keep one stuck account from holding up all others.
printf %s "$ENGINE_PASSWORD" | "$bao" write database/config/ledger \
    plugin_name=postgresql-database-plugin allowed_roles=ledger-ro \
    connection_url="postgresql://{{username}}:{{password}}@$POSTGRES?sslmode=$SSL_MODE&lock_timeout=5000&statement_timeout=10000" \
    username=openbao_engine password=- password_authentication=scram-sha-256 max_open_connections=8 \
    username_template='{{.DisplayName | replace "token-" "" | truncate 18}}-{{random 8 | lowercase}}'

# VALID UNTIL: the end, even if OpenBao never comes back. IN ROLE: no grant per table, so nothing to race for.
# GRANT to the engine: without it the engine may not end the account's sessions.
created='CREATE ROLE "{{name}}" LOGIN PASSWORD '"'{{password}}' VALID UNTIL '{{expiration}}'"' IN ROLE app_ro;
GRANT "{{name}}" TO openbao_engine;'

# First close the door and commit, so that nothing the user did can roll it back; then end sessions and drop.
closed="DO \$\$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname='{{name}}') THEN ALTER ROLE \"{{name}}\" NOLOGIN; END IF; END \$\$;"
ended="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='{{name}}'"
dropped="DO \$\$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname='{{name}}') THEN DROP OWNED BY \"{{name}}\"; DROP ROLE \"{{name}}\"; END IF; END \$\$;"

# default_ttl: the broker's step. A longer one is renewed down at each issue, which is one more call and one more
# statement; the broker prolongs step by step while the task lives.
"$bao" write database/roles/ledger-ro db_name=ledger default_ttl=2m max_ttl=1h \
    creation_statements="$created" \
    revocation_statements="$closed" revocation_statements=COMMIT revocation_statements=BEGIN \
    revocation_statements="$ended" revocation_statements="$dropped"
