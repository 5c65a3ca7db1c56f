package query

import (
	"context"

	"function/shared/access"
	"function/shared/fault"
	"function/shared/resultset"
)

// The databases that a query can select.
const (
	Datasets      = "datasets"   // the organization's data sets as tables, in DuckDB's SQL
	PostgreSQL    = "postgresql" // the tables users, datasets and logins, in PostgreSQL's SQL
	ClickHouse    = "clickhouse"
	Elasticsearch = "elasticsearch"
	TimescaleDB   = "timescaledb"
)

// settings maps a database that not every deployment has to the setting that enables it.
var settings = map[string]string{
	ClickHouse:    "CLICKHOUSE_URL",
	Elasticsearch: "ELASTICSEARCH_URL",
	TimescaleDB:   "TIMESCALEDB_URL",
}

// Databases are the backends of this deployment by the names that queries use.
type Databases map[string]Backend

// Run runs a query as a reader on the database that the query names; see Backend.Run.
func (d Databases) Run(ctx context.Context, r access.Reader, q Query) (*resultset.Set, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	backend, ok := d[q.Database]
	if !ok {
		return nil, NotConfigured(q.Database)
	}
	return backend.Run(ctx, r, q, Limits{})
}

// NotConfigured returns the error for a database that this deployment does not have.
func NotConfigured(name string) error {
	if setting, ok := settings[name]; ok {
		f := fault.At("body.database", "%s is not configured in this deployment: an operator can enable it with the setting %s. Use %s or %s", name, setting, Datasets, PostgreSQL)
		f.Kind = fault.Conflict
		return f
	}
	return fault.At("body.database", "there is no database with this name: use %s or %s", Datasets, PostgreSQL)
}
