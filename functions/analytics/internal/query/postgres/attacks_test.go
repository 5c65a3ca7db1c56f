package postgres_test

import "strings"

var attacks = []string{
	`SELECT pg_sleep(1)`, `SELECT "pg_sleep"(1)`, `SELECT PG_Sleep(1)`, `SELECT pg_catalog . pg_sleep(1)`, `SELECT U&"\0070g_sleep"(1)`, `SELECT u&"!0070g_sleep" UESCAPE '!' (1)`,
	`SELECT pg_read_file('/etc/passwd')`, `SELECT pg_terminate_backend(1)`, `SELECT * FROM pg_stat_activity`, `SELECT * FROM pg_class`, `SELECT * FROM pg_catalog.pg_settings`,
	`SELECT set_config('tenancy.grant', 'x', false)`, `SELECT current_setting('tenancy.grant')`, `SELECT * FROM information_schema.tables`,
	`SELECT tenancy.organization()`, `SELECT * FROM tenancy.secret`, `SELECT value FROM "tenancy"."secret"`,
	`SELECT query_to_xml('SELECT 1', true, true, '')`, `SELECT database_to_xml(true, true, '')`, `SELECT * FROM ts_stat('SELECT 1')`, `SELECT ts_rewrite('a'::tsquery, 'SELECT 1')`,
	`SELECT lo_create(0)`, `SELECT loread(1, 2)`, `SELECT * FROM dblink('', '')`, `SELECT pg_advisory_lock(1)`, `SELECT pg_notify('a', 'b')`, `SELECT nextval('x')`,
	`SET ROLE postgres`, `RESET ROLE`, `SET SESSION AUTHORIZATION postgres`, `SHOW ALL`, `RESET ALL`, `DISCARD ALL`,
	`COPY users TO '/tmp/x'`, `COPY (SELECT 1) TO PROGRAM 'id'`, `DO $$ BEGIN END $$`, `CALL x()`, `EXPLAIN SELECT 1`, `EXECUTE x`, `PREPARE x AS SELECT 1`, `LISTEN x`, `VACUUM`,
	`SELECT 1; SELECT 2`, `SELECT 1; COMMIT; DELETE FROM users`, `COMMIT`, `ROLLBACK`, `BEGIN`, `SELECT 1) AS result; COMMIT; --`, `SELECT 1) AS result UNION SELECT (1`, `SELECT 1) AS a, LATERAL (SELECT generate_series(1, 1000000000)`, `SELECT 1 /*`,
	`INSERT INTO users VALUES (1)`, `UPDATE users SET role = 'x'`, `DELETE FROM users`, `MERGE INTO users USING logins ON true WHEN MATCHED THEN DELETE`, `TRUNCATE users`,
	`WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone`, `WITH new AS (INSERT INTO users SELECT * FROM users RETURNING *) SELECT * FROM new`,
	`SELECT * FROM users FOR UPDATE`, `SELECT * FROM users FOR SHARE`, `SELECT * INTO t FROM users`, `CREATE TABLE t (x int)`, `CREATE TEMP TABLE t AS SELECT 1`, `DROP TABLE users`,
	`SELECT * FROM public.reports`, `SELECT * FROM reports`, `SELECT * FROM public.outbox`, `SELECT * FROM platform.dead_letters`, `SELECT * FROM published.metrics`,
	`SELECT repeat('x', 1000000000)`, `SELECT array_fill(0, ARRAY[1000000000])`, `SELECT string_agg(repeat('x', 1000000), '') FROM generate_series(1, 100)`,
	`SELECT ` + strings.Repeat("(", 20000) + `1` + strings.Repeat(")", 20000),
}
