-- Something to read, for tests and demo.
CREATE SCHEMA ledger;
CREATE TABLE ledger.entries (id integer PRIMARY KEY, booked date NOT NULL, amount_cents bigint NOT NULL);
INSERT INTO ledger.entries VALUES (1, '2026-10-01', 125000), (2, '2026-10-02', -4990), (3, '2026-10-05', 880);
GRANT USAGE ON SCHEMA ledger TO app_ro;
GRANT SELECT ON ledger.entries TO app_ro;
