// Package query is the contract of the stores that organizations query with SQL of their
// own: what a query is, what a backend does with it, and how it ends.
package query

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/resultset"
)

// Query is a person's own SQL: one statement that selects.
type Query struct {
	SQL        string      `json:"query" minLength:"1" maxLength:"100000" doc:"One SELECT; parameters are written ?" example:"SELECT weather, count(*) FROM weather GROUP BY ALL"`
	Database   string      `json:"database" enum:"datasets,postgresql,clickhouse,elasticsearch,timescaledb" doc:"datasets: your data sets, each a table by its name (DuckDB). postgresql: the tables users, datasets and logins of your organization. The others need a deployment that has them"`
	Parameters []Parameter `json:"parameters,omitempty" maxItems:"100" doc:"Bound to the ? of the query in order, never pasted. A list stands for the items of IN (?), and elsewhere for a list (DuckDB) or an array (PostgreSQL). In postgresql a parameter takes the type that its place asks for"`
	TimeZone   string      `json:"-"` // IANA name, of current_date, now() and casts; empty: UTC
}

// Check refuses what no database can run.
func (q Query) Check() error {
	if strings.ContainsRune(q.SQL, 0) {
		return fault.At("body.query", "the query contains a NUL character")
	}
	return nil
}

// Limits bound one query. Zero values mean 10,000 rows, 16 MiB of JSON, and the time
// that the backend usually gives.
type Limits struct {
	Rows  int
	Bytes int64
	Time  time.Duration
}

// WithDefaults are the limits with values in place of zeros; usual is the backend's time.
func (l Limits) WithDefaults(usual time.Duration) Limits {
	return Limits{Rows: cmp.Or(l.Rows, 10_000), Bytes: cmp.Or(l.Bytes, 16<<20), Time: cmp.Or(l.Time, usual)}
}

// Backend is a store that organizations query. It is safe for concurrent use; package
// querytest is its specification.
type Backend interface {
	// Tables are the names of those that the organization can query now, sorted.
	Tables(ctx context.Context, organization uuid.UUID) ([]string, error)

	// Run runs one SELECT, which sees the tables of the organization and nothing else of
	// the store or its host. An answer of more rows or bytes than the limits is
	// Truncated; a row that is larger alone is refused. Values are as package resultset
	// prescribes. What is wrong with the query is a fault with the place body.query and,
	// where it is known, the character; every other error may be gone when the query is
	// tried again. It ends with ctx.
	Run(ctx context.Context, organization uuid.UUID, q Query, limits Limits) (*resultset.Set, error)
}
