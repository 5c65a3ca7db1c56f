// Package query defines queries, the backends that run them, and the outcomes of queries.
package query

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/fault"
	"function/shared/resultset"
)

// Query is one SELECT statement written by a user.
type Query struct {
	SQL        string      `json:"query" minLength:"1" maxLength:"100000" doc:"One SELECT statement, with ? for each parameter" example:"SELECT weather, count(*) FROM weather GROUP BY ALL"`
	Database   string      `json:"database" enum:"datasets,postgresql,clickhouse,elasticsearch,timescaledb" doc:"datasets: your data sets, each a table with the same name (DuckDB). postgresql: the tables users, datasets and logins of your organization. The others must be configured in the deployment"`
	Parameters []Parameter `json:"parameters,omitempty" maxItems:"100" doc:"Values for the ? of the query in order, always bound and never inserted into the SQL. A list provides the items of IN (?); anywhere else it is a list (DuckDB) or an array (PostgreSQL). In postgresql the type of a parameter is inferred from its context"`
	TimeZone   string      `json:"-"` // IANA name, for current_date, now() and casts; empty: UTC

	OnRead    func(datasets []uuid.UUID) `json:"-"` // called with the data sets whose rows the query reads; nil: nobody asks
	OnLineage func(Lineage)              `json:"-"` // called after a successful query of data sets; nil: nobody asks
}

// Check returns an error if no database can run the query.
func (q Query) Check() error {
	if strings.ContainsRune(q.SQL, 0) {
		return fault.At("body.query", "the query contains a NUL character")
	}
	return nil
}

// Limits bound one query. Zero values mean 10,000 rows, 16 MiB of JSON, and the backend's default
// time.
type Limits struct {
	Rows  int
	Bytes int64
	Time  time.Duration
}

// WithDefaults returns the limits with defaults in place of zeros. The default time is the
// backend's.
func (l Limits) WithDefaults(timeout time.Duration) Limits {
	return Limits{Rows: cmp.Or(l.Rows, 10_000), Bytes: cmp.Or(l.Bytes, 16<<20), Time: cmp.Or(l.Time, timeout)}
}

// Backend is a database that organizations query. Implementations are safe for concurrent use and
// pass the conformance tests of package querytest.
type Backend interface {
	// Tables returns the sorted names of the tables that the reader can query now.
	Tables(ctx context.Context, r access.Reader) ([]string, error)

	// Run runs one SELECT. It sees what the reader may read and nothing else of the
	// database or its host. A result with more rows or bytes than the limits is Truncated; a
	// single row larger than the limit is refused. Values are as package resultset defines. An
	// error in the query is a fault at body.query, with the character if it is known; any other
	// error may disappear when the query is retried. Run ends when ctx does.
	Run(ctx context.Context, r access.Reader, q Query, limits Limits) (*resultset.Set, error)
}
