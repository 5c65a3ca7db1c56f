package query

import (
	"context"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/resultset"
)

// The databases that a query may name.
const (
	Datasets      = "datasets"   // the organization's data sets, each a table by its name, in DuckDB's SQL
	PostgreSQL    = "postgresql" // the projections users, datasets and logins, in PostgreSQL's SQL
	ClickHouse    = "clickhouse"
	Elasticsearch = "elasticsearch"
	TimescaleDB   = "timescaledb"
)

// settings name what gives a deployment a database that others lack.
var settings = map[string]string{
	ClickHouse:    "CLICKHOUSE_URL",
	Elasticsearch: "ELASTICSEARCH_URL",
	TimescaleDB:   "TIMESCALEDB_URL",
}

// Databases are the backends of this deployment, by the names that queries use.
type Databases map[string]Backend

// Run runs a query as an organization, as Backend.Run does, on the database it names.
func (d Databases) Run(ctx context.Context, organization uuid.UUID, q Query) (*resultset.Set, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	backend, ok := d[q.Database]
	if !ok {
		return nil, NotConfigured(q.Database)
	}
	return backend.Run(ctx, organization, q, Limits{})
}

// NotConfigured refuses a database that this deployment does not have.
func NotConfigured(name string) error {
	if setting, ok := settings[name]; ok {
		f := fault.At("body.database", "%s is not configured in this deployment: an operator makes it available with the setting %s. Use %s or %s", name, setting, Datasets, PostgreSQL)
		f.Kind = fault.Conflict
		return f
	}
	return fault.At("body.database", "there is no database of this name: use %s or %s", Datasets, PostgreSQL)
}
