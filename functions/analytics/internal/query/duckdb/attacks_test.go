package duckdb_test

func attacks(stored, scratch string) []string {
	return []string{
		`SELECT * FROM secret_plan`,
		`SELECT * FROM '/etc/passwd'`, `SELECT * FROM read_csv('/etc/passwd')`, `SELECT * FROM read_text('/proc/self/environ')`, `SELECT * FROM glob('/*')`,
		`SELECT * FROM read_blob('` + stored + `/**')`, `SELECT * FROM read_parquet('` + scratch + `/**/*.parquet')`, `SELECT * FROM sniff_csv('/etc/passwd')`,
		`SELECT * FROM 'https://example.com/x.csv'`, `SELECT * FROM read_csv('https://example.com/x.csv')`,
		`COPY weather TO '/tmp/stolen.csv'`, `COPY (SELECT 1) TO '/tmp/stolen.csv'`, `EXPORT DATABASE '/tmp/stolen'`, `IMPORT DATABASE '/tmp'`,
		`ATTACH '/tmp/x.db'`, `ATTACH ':memory:' AS other`, `DETACH memory`, `USE main`, `INSTALL httpfs`, `LOAD httpfs`, `CALL pragma_version()`, `CALL enable_logging()`,
		`PRAGMA database_list`, `PRAGMA enable_profiling`, `SET threads = 1`, `RESET threads`, `SET enable_external_access = true`, `SET lock_configuration = false`, `SHOW ALL TABLES`,
		`SELECT current_setting('allowed_paths')`, `SELECT getenv('HOME')`, `SELECT * FROM duckdb_settings()`, `SELECT * FROM duckdb_secrets()`, `SELECT * FROM duckdb_views()`, `SELECT * FROM information_schema.tables`, `SELECT * FROM pg_catalog.pg_class`,
		`SELECT * FROM query('SELECT 1')`, `SELECT * FROM query_table('weather')`, `CREATE SECRET x (TYPE s3)`,
		`CREATE TABLE t (x int)`, `CREATE VIEW v AS SELECT 1`, `INSERT INTO weather SELECT * FROM weather`, `UPDATE weather SET wind = 0`, `DELETE FROM weather`, `DROP VIEW weather`, `TRUNCATE weather`,
		`SELECT 1; SELECT 2`, `SELECT 1; DROP VIEW weather`, `SELECT 1) ; DROP VIEW weather; --`, `BEGIN`, `COMMIT`, `EXPLAIN ANALYZE SELECT 1`, `PREPARE x AS SELECT 1`, `CHECKPOINT`, `VACUUM`,
		`SELECT`, ` `, `-- nothing`, `SELECT * FROM`, `SELECT nothing FROM weather`, `SELECT CAST('x' AS INTEGER)`, `SELECT ?`, `SELECT $name`, `SELECT $7`,
		`SELECT repeat('x', 1000000000)`, `SELECT list(range) FROM range(1000000000)`, `SELECT sleep_ms(1000)`,
	}
}
