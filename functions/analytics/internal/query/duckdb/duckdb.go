// Package duckdb queries an organization's data sets in DuckDB's SQL. Each data set is a table
// with the same name.
package duckdb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/functions/analytics/internal/query"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/resultset"
	"function/shared/sandbox"
	"function/shared/tables"
)

// defaultTimeout is the time limit of a query whose limits set none.
const defaultTimeout = 30 * time.Second

type backend struct {
	catalog *pgxpool.Pool
	files   *tables.Cache
}

// Open opens the catalog of data sets and a cache of their files.
func Open(ctx context.Context, env *function.Env) (query.Backend, error) {
	catalog, err := env.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return nil, err
	}
	files, err := tables.New(env.Config.Scratch, tables.Decrypt(env.Objects, keeper))
	if err != nil {
		return nil, err
	}
	env.OnClose(files.Close)
	return &backend{catalog: catalog, files: files}, nil
}

const selectTables = `
SELECT dataset_id, name, status, storage_type, coalesce(version, 0) AS version,
       coalesce(table_name, '') AS table_name, coalesce(table_bytes, 0) AS table_bytes, wrapped_key
FROM published.tables WHERE organization_id = $1 ORDER BY lower(name)`

// table is a data set in the published catalog.
type table struct {
	DatasetID   uuid.UUID
	Name        string
	Status      string
	StorageType string
	Version     int
	TableName   string // object with the Parquet copy; empty: no version is ready
	TableBytes  int64
	WrappedKey  []byte
}

func (t table) ready() bool { return t.TableName != "" }

func (t table) version() tables.Version {
	return tables.Version{Dataset: t.DatasetID, Number: t.Version, StorageType: t.StorageType, Object: t.TableName, Bytes: t.TableBytes, WrappedKey: t.WrappedKey}
}

// Tables implements query.Backend. It returns the data sets that are ready.
func (b *backend) Tables(ctx context.Context, organization uuid.UUID) ([]string, error) {
	all, err := b.published(ctx, organization)
	names := []string{}
	for _, t := range all {
		if t.ready() {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

func (b *backend) published(ctx context.Context, organization uuid.UUID) ([]table, error) {
	rows, _ := b.catalog.Query(ctx, selectTables, organization)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return nil, fmt.Errorf("read the catalog of data sets: %w", err)
	}
	return all, nil
}

// Run implements query.Backend. It loads the data sets whose names occur in the query's text. A
// name may turn out to be a string or a column and not a table; its file is then fetched
// needlessly.
func (b *backend) Run(ctx context.Context, organization uuid.UUID, q query.Query, limits query.Limits) (*resultset.Set, error) {
	limits = limits.WithDefaults(defaultTimeout)
	all, err := b.published(ctx, organization)
	if err != nil {
		return nil, err
	}
	statement, err := bind(q.SQL, q.Parameters)
	if err != nil {
		return nil, err
	}
	var mentioned, ready []table
	var versions []tables.Version
	for _, t := range all {
		if !mentions(q.SQL, t.Name) {
			continue
		}
		mentioned = append(mentioned, t)
		if t.ready() {
			ready, versions = append(ready, t), append(versions, t.version())
		}
	}
	paths, release, err := b.files.OpenAll(ctx, versions)
	if err != nil {
		return nil, asQueryFault(err)
	}
	defer release()
	sources := make([]sandbox.Table, len(ready))
	for i, t := range ready {
		sources[i] = sandbox.Table{Name: t.Name, Path: paths[i]}
	}
	set, err := sandbox.Query(ctx, sources, statement.Text.SQL, statement.Values,
		sandbox.Limits{Rows: limits.Rows, Bytes: limits.Bytes, Timeout: limits.Time, TimeZone: q.TimeZone})
	if err != nil {
		return nil, explain(err, statement.Text, limits, all, mentioned)
	}
	return set, nil
}

// asQueryFault reports a data set that cannot be opened as a fault of the query, so that the
// problem points to body.query.
func asQueryFault(err error) error {
	if f, ok := fault.As(err); ok && f.Kind == fault.Invalid {
		return query.Wrong(0, "%s", f.Detail)
	}
	return err
}
