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
	"function/shared/access"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/resultset"
	"function/shared/sandbox"
	"function/shared/secret"
	"function/shared/sqltext"
	"function/shared/tables"
)

// defaultTimeout is the time limit of a query whose limits set none.
const defaultTimeout = 30 * time.Second

type backend struct {
	catalog *pgxpool.Pool
	keys    *secret.Keeper
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
	return &backend{catalog: catalog, keys: keeper, files: files}, nil
}

const (
	selectDatasets = `SELECT dataset_id, organization_id, kind, name, status, coalesce(version, 0) AS version, policies, personal_columns FROM published.readable_tables($1) ORDER BY lower(name)`
	selectVersion  = `SELECT coalesce(number, 0), coalesce(expired, false) FROM published.version_named($1, $2)`
	selectTables   = `
SELECT t.dataset_id AS dataset, t.part AS number, t.storage_type, t.table_name AS object, t.table_bytes AS bytes, t.wrapped_key, wanted.place, wanted.version AS wanted, t.archived_at IS NOT NULL AS archived
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (dataset_id, version, place)
JOIN published.version_tables t USING (dataset_id, version)
ORDER BY wanted.place, t.place`
)

// table is a data set in the published catalog.
type table struct {
	access.Stored
	Kind    string
	Name    string
	Status  string
	Version int // zero: none is ready
}

func (t table) ready() bool { return t.Version > 0 }

// Tables implements query.Backend. It returns the data sets that are ready.
func (b *backend) Tables(ctx context.Context, r access.Reader) ([]string, error) {
	all, err := b.published(ctx, r)
	names := []string{}
	for _, t := range all {
		if t.ready() {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

func (b *backend) published(ctx context.Context, r access.Reader) ([]table, error) {
	rows, _ := b.catalog.Query(ctx, selectDatasets, r)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return nil, fmt.Errorf("read the catalog of data sets: %w", err)
	}
	return all, nil
}

// Run implements query.Backend. It loads the data sets whose names occur in the query's text. A
// name may turn out to be a string or a column and not a table; its file is then fetched
// needlessly.
func (b *backend) Run(ctx context.Context, r access.Reader, q query.Query, limits query.Limits) (*resultset.Set, error) {
	limits = limits.WithDefaults(defaultTimeout)
	all, err := b.published(ctx, r)
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
				wanted = append(wanted, named{t.Name, t, t.Version})
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
	sources, release, err := b.open(ctx, r, wanted)
	defer release()
	if err != nil {
		return nil, asQueryFault(err)
	}
	if q.OnRead != nil {
		q.OnRead(datasets(wanted))
	}
	set, err := sandbox.Query(ctx, sources, statement.Text.SQL, statement.Values,
		sandbox.Limits{Rows: limits.Rows, Bytes: limits.Bytes, Timeout: limits.Time, TimeZone: q.TimeZone})
	if err != nil {
		return nil, explain(err, original, limits, all, mentioned)
	}
	if q.OnLineage != nil {
		q.OnLineage(lineageOf(ctx, wanted, sources, statement))
	}
	return set, nil
}

// named is a version and the name by which the query reads it.
type named struct {
	name    string
	table   table
	version int
}

// datasets returns the data sets of versions, each once.
func datasets(versions []named) []uuid.UUID {
	var ids []uuid.UUID
	for _, v := range versions {
		if !slices.Contains(ids, v.table.DatasetID) {
			ids = append(ids, v.table.DatasetID)
		}
	}
	return ids
}

// version finds the version that a query names as table@ref. It returns nil if there is no such
// data set, which the engine reports.
func (b *backend) version(ctx context.Context, all []table, ref sqltext.VersionRef) (*named, error) {
	i := slices.IndexFunc(all, func(t table) bool { return strings.EqualFold(t.Name, ref.Table) })
	if i < 0 {
		return nil, nil
	}
	version := named{name: ref.Name(), table: all[i]}
	var expired bool
	if err := b.catalog.QueryRow(ctx, selectVersion, all[i].DatasetID, ref.Ref).Scan(&version.version, &expired); err != nil {
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

// open makes what a reader may see of versions readable until release is called, which is never nil.
func (b *backend) open(ctx context.Context, r access.Reader, wanted []named) (sources []sandbox.Table, release func(), err error) {
	var opened []*tables.Copies
	release = func() {
		for _, copies := range opened {
			copies.Release()
		}
	}
	var datasets []uuid.UUID
	var numbers []int
	for _, w := range wanted {
		datasets, numbers = append(datasets, w.table.DatasetID), append(numbers, w.version)
	}
	rows, _ := b.catalog.Query(ctx, selectTables, datasets, numbers)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[stored])
	if err != nil {
		return nil, release, fmt.Errorf("list tables of versions: %w", err)
	}
	for place, w := range wanted {
		var versions []tables.Version
		for _, p := range parts {
			switch {
			case p.Place != place+1:
			case p.Archived:
				return nil, release, fault.New(fault.Conflict, "The version that this query reads as %s is archived: recall it first (POST /v1/datasets/%s/versions/%d/recall)", w.name, p.Dataset, p.Wanted)
			default:
				versions = append(versions, p.Version)
			}
		}
		view, err := w.table.View(r, b.keys)
		if err != nil {
			return nil, release, err
		}
		copies, err := b.files.OpenView(ctx, view, versions)
		if err != nil {
			return nil, release, err
		}
		opened = append(opened, copies)
		sources = append(sources, source(w.name, copies))
	}
	return sources, release, nil
}

// source is a table whose rows are in copies.
func source(name string, copies *tables.Copies) sandbox.Table {
	s := sandbox.Table{Name: name}
	var partial []int
	for i := range copies.Len() {
		s.Paths = append(s.Paths, copies.Path(i))
		if !copies.Complete(i) {
			partial = append(partial, i)
		}
	}
	if len(partial) > 0 {
		s.Columns = copies.Columns(partial[0])
		s.Load = func(ctx context.Context, columns []string) error {
			return asQueryFault(copies.Load(ctx, partial, columns))
		}
	}
	return s
}

// asQueryFault reports a data set that cannot be opened as a fault of the query, so that the
// problem points to body.query.
func asQueryFault(err error) error {
	if f, ok := fault.As(err); ok && f.Kind == fault.Invalid {
		return query.Wrong(0, "%s", f.Detail)
	}
	return err
}
