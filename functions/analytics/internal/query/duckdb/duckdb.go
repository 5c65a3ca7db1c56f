// Package duckdb queries an organization's data sets in DuckDB's SQL. Each data set is a table
// with the same name.
package duckdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/functions/analytics/internal/query"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/resultset"
	"function/shared/sandbox"
	"function/shared/sqltext"
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

const (
	selectDatasets = `SELECT dataset_id, kind, name, status, coalesce(version, 0) AS version FROM published.tables WHERE organization_id = $1 ORDER BY lower(name)`
	selectVersion  = `SELECT coalesce(number, 0), coalesce(expired, false) FROM published.version_named($1, $2)`
	selectTables   = `
SELECT t.dataset_id AS dataset, t.part AS number, t.storage_type, t.table_name AS object, t.table_bytes AS bytes, t.wrapped_key, wanted.place, wanted.version AS wanted, t.archived_at IS NOT NULL AS archived
FROM unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS wanted (dataset_id, version, place)
JOIN published.version_tables t USING (dataset_id, version)
WHERE t.organization_id = $1 ORDER BY wanted.place, t.place`
)

// table is a data set in the published catalog.
type table struct {
	DatasetID uuid.UUID
	Kind      string
	Name      string
	Status    string
	Version   int // zero: none is ready
}

func (t table) ready() bool { return t.Version > 0 }

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
	rows, _ := b.catalog.Query(ctx, selectDatasets, organization)
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
	versioned, refs := sqltext.Versions(q.SQL)
	statement, err := bind(versioned.SQL, q.Parameters)
	if err != nil {
		return nil, err
	}
	original := func(position int) int { return versioned.Original(statement.Text.Original(position)) }
	var mentioned []table
	var wanted []named
	for _, t := range all {
		if mentions(q.SQL, t.Name) {
			mentioned = append(mentioned, t)
			if t.ready() {
				wanted = append(wanted, named{t.Name, t.DatasetID, t.Version})
			}
		}
	}
	for _, ref := range refs {
		version, err := b.version(ctx, all, ref)
		if err != nil {
			return nil, err
		}
		if version != nil {
			wanted = append(wanted, *version)
		}
	}
	sources, copies, err := b.open(ctx, organization, wanted)
	if err != nil {
		return nil, asQueryFault(err)
	}
	defer copies.Release()
	set, err := sandbox.Query(ctx, sources, statement.Text.SQL, statement.Values,
		sandbox.Limits{Rows: limits.Rows, Bytes: limits.Bytes, Timeout: limits.Time, TimeZone: q.TimeZone})
	if err != nil {
		return nil, explain(err, original, limits, all, mentioned)
	}
	return set, nil
}

// named is a version and the name by which the query reads it.
type named struct {
	name    string
	dataset uuid.UUID
	version int
}

// version finds the version that a query names as table@ref. It returns nil if there is no such
// data set, which the engine reports.
func (b *backend) version(ctx context.Context, all []table, ref sqltext.VersionRef) (*named, error) {
	i := slices.IndexFunc(all, func(t table) bool { return strings.EqualFold(t.Name, ref.Table) })
	if i < 0 {
		return nil, nil
	}
	version := named{name: ref.Name(), dataset: all[i].DatasetID}
	var expired bool
	if err := b.catalog.QueryRow(ctx, selectVersion, version.dataset, ref.Ref).Scan(&version.version, &expired); err != nil {
		return nil, fmt.Errorf("look up version: %w", err)
	}
	if expired {
		return nil, query.Wrong(0, "In the data set %q, %s is version %d, which has expired: its rows are no longer kept, so name another version.",
			all[i].Name, fault.Excerpt(ref.Ref), version.version)
	}
	if version.version == 0 {
		return nil, query.Wrong(0, "The data set %q has no ready version %s: name one by its number, a tag, a branch, or a time, as in sales@3, sales@audited and sales@2026-01-31.",
			all[i].Name, fault.Excerpt(ref.Ref))
	}
	return &version, nil
}

// stored is a table of a version and the place of that version among those wanted.
type stored struct {
	tables.Version
	Place    int
	Wanted   int // the version whose rows it has
	Archived bool
}

// open makes the rows of versions readable until the copies are released.
func (b *backend) open(ctx context.Context, organization uuid.UUID, wanted []named) (sources []sandbox.Table, copies *tables.Copies, err error) {
	var datasets []uuid.UUID
	var numbers []int
	for _, w := range wanted {
		datasets, numbers = append(datasets, w.dataset), append(numbers, w.version)
		sources = append(sources, sandbox.Table{Name: w.name})
	}
	rows, _ := b.catalog.Query(ctx, selectTables, organization, datasets, numbers)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[stored])
	if err != nil {
		return nil, nil, fmt.Errorf("list tables of versions: %w", err)
	}
	versions := make([]tables.Version, len(parts))
	for i, p := range parts {
		if p.Archived {
			return nil, nil, fault.New(fault.Conflict, "The version that this query reads as %s is archived: recall it first (POST /v1/datasets/%s/versions/%d/recall)", wanted[p.Place-1].name, p.Dataset, p.Wanted)
		}
		versions[i] = p.Version
	}
	copies, err = b.files.Open(ctx, versions...)
	if err != nil {
		return nil, nil, err
	}
	for place := range sources {
		source := &sources[place]
		var partial []int
		for i, p := range parts {
			if p.Place != place+1 {
				continue
			}
			source.Paths = append(source.Paths, copies.Path(i))
			if !copies.Complete(i) {
				partial = append(partial, i)
			}
		}
		if len(partial) > 0 {
			source.Columns = copies.Columns(partial[0])
			source.Load = func(ctx context.Context, columns []string) error {
				return asQueryFault(copies.Load(ctx, partial, columns))
			}
		}
	}
	return sources, copies, nil
}

// asQueryFault reports a data set that cannot be opened as a fault of the query, so that the
// problem points to body.query.
func asQueryFault(err error) error {
	if f, ok := fault.As(err); ok && f.Kind == fault.Invalid {
		return query.Wrong(0, "%s", f.Detail)
	}
	return err
}
