package duckdb_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/query/duckdb"
	"function/functions/analytics/internal/query/querytest"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func open(t testing.TB) (*platformtest.Platform, query.Backend) {
	t.Helper()
	p := platformtest.New(t)
	b, err := duckdb.Open(t.Context(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestBackend(t *testing.T) {
	t.Parallel()
	querytest.Run(t, func(t testing.TB) querytest.Case {
		p, b := open(t)
		one, other := uuid.New(), uuid.New()
		analyticstest.Load(t, p, one, "weather", analyticstest.Weather)
		analyticstest.Load(t, p, one, "Climate", analyticstest.CSV(t, "n\n1\n"))
		analyticstest.Describe(t, p, one, "empty", "draft")
		analyticstest.Load(t, p, other, "weather", analyticstest.CSV(t, "n\n1\n2\n"))
		analyticstest.Load(t, p, other, "secret_plan", analyticstest.CSV(t, "n\n1\n"))
		return querytest.Case{
			Backend: b, One: one, Other: other,
			Tables:  []string{"Climate", "weather"},
			Count:   "SELECT count(*) FROM weather",
			Counts:  map[uuid.UUID]int{one: 1461, other: 2},
			Series:  "range(%d) t(n)",
			Slow:    "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range + b.range + c.range = 1",
			Attacks: attacks(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), p.Env.Config.Scratch),
		}
	})
}

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
