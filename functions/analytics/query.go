package analytics

import (
	"strings"

	"function/shared/fault"
)

// What SQL can be run over.
const (
	Datasets   = "datasets"   // the organization's data sets, each a table by its name, in DuckDB's SQL
	PostgreSQL = "postgresql" // the projections users, datasets and logins, in PostgreSQL's SQL
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
	switch {
	case q.Database != Datasets && q.Database != PostgreSQL:
		return fault.At("body.database", "%s is not configured here: use %s or %s", q.Database, Datasets, PostgreSQL)
	case strings.ContainsRune(q.SQL, 0):
		return fault.At("body.query", "the query contains a NUL character")
	}
	return nil
}
