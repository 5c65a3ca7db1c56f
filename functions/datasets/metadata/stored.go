package metadata

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	selectMetadata = `
SELECT d.kind, d.description, coalesce(d.owner_id, d.created_by) AS owner, coalesce(m.stewards, '{}') AS stewards, coalesce(m.domain, '') AS domain,
       coalesce(m.tags, '{}') AS tags, coalesce(m.columns, '{}') AS columns, coalesce(m.search_columns, '{}') AS search_columns,
       coalesce(m.revision, 0) AS revision, m.changed_by, m.changed_at, ARRAY(SELECT name FROM current_columns(d.id)) AS current,
       (SELECT coalesce(jsonb_object_agg(column_name, terms), '{}') FROM (
           SELECT column_name, jsonb_agg(term ORDER BY term) AS terms FROM dataset_terms WHERE dataset_id = d.id GROUP BY column_name) t) AS terms
FROM datasets d LEFT JOIN dataset_metadata m ON m.dataset_id = d.id
WHERE d.id = $1 AND may_read(d, $2) AND d.deleted_at IS NULL`
	updateDataset  = `UPDATE datasets SET description = $2, owner_id = $3, ` + dataset.SetChangedAt + ` WHERE id = $1 AND (description, coalesce(owner_id, created_by)) <> ($2, $3)`
	upsertMetadata = `
INSERT INTO dataset_metadata AS m (dataset_id, stewards, domain, tags, columns, search_columns, changed_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (dataset_id) DO UPDATE SET stewards = excluded.stewards, domain = excluded.domain, tags = excluded.tags, columns = excluded.columns,
    search_columns = excluded.search_columns, revision = m.revision + 1, changed_by = excluded.changed_by, changed_at = now()`
	selectUndefined = `SELECT coalesce((SELECT t FROM unnest($2::text[]) t WHERE NOT EXISTS (SELECT FROM glossary_terms WHERE organization_id = $1 AND term = t) LIMIT 1), '') AS term`
	deleteTerms     = `DELETE FROM dataset_terms WHERE dataset_id = $1`
	insertTerms     = `INSERT INTO dataset_terms (dataset_id, organization_id, column_name, term) SELECT $1, $2, c, t FROM unnest($3::text[], $4::text[]) u (c, t)`
)

// stored is the metadata as the database has it. Terms are by column; those of the data set itself are at "".
type stored struct {
	Kind          string
	Description   string
	Owner         uuid.UUID
	Stewards      []uuid.UUID
	Domain        string
	Tags          []string
	Columns       map[string]Column
	SearchColumns []string
	Revision      int
	ChangedBy     *uuid.UUID
	ChangedAt     *time.Time
	Current       []string // names of the columns of the current version
	Terms         map[string][]string
}

func load(ctx context.Context, db database.Querier, id uuid.UUID, r access.Reader) (*stored, error) {
	s, err := database.One[stored](ctx, db, dataset.ErrNotFound, selectMetadata, id, r)
	return &s, err
}

func (s *stored) etag() string { return fmt.Sprintf(`"%d"`, s.Revision) }

func (s *stored) metadata() Metadata {
	m := Metadata{
		Description: s.Description, Owner: s.Owner, Stewards: s.Stewards, Domain: s.Domain, Tags: s.Tags, Terms: append([]string{}, s.Terms[""]...),
		Columns: map[string]DescribedColumn{}, SearchColumns: s.SearchColumns, ChangedBy: s.ChangedBy, ChangedAt: s.ChangedAt,
	}
	for name, c := range s.columns() {
		m.Columns[name] = DescribedColumn{Column: c, Missing: !slices.Contains(s.Current, name)}
	}
	return m
}

// columns returns what is said about columns, with their terms.
func (s *stored) columns() map[string]Column {
	columns := maps.Clone(s.Columns)
	for name, terms := range s.Terms {
		if name != "" {
			c := columns[name]
			c.Terms = terms
			columns[name] = c
		}
	}
	return columns
}

// apply changes the metadata.
func (s *stored) apply(c Change) error {
	if c.Description != nil {
		s.Description = *c.Description
	}
	if c.Owner != nil {
		s.Owner = *c.Owner
	}
	if c.Stewards != nil {
		s.Stewards = distinct(c.Stewards)
	}
	if c.Domain != nil {
		s.Domain = *c.Domain
	}
	if c.Tags != nil {
		s.Tags = distinct(c.Tags)
	}
	if c.Terms != nil {
		s.Terms[""] = distinct(c.Terms)
	}
	known := s.columns()
	for name, column := range c.Columns {
		if _, described := known[name]; name == "" || !described && !slices.Contains(s.Current, name) {
			return fault.At("body.columns", "the current version of this data set has no column %q: upper and lower case matter", fault.Excerpt(name))
		}
		s.Terms[name] = distinct(column.Terms)
		delete(s.Columns, name)
		if column.Description != "" || len(column.Tags) > 0 {
			s.Columns[name] = Column{Description: column.Description, Tags: distinct(column.Tags)}
		}
	}
	for _, name := range c.SearchColumns {
		if !slices.Contains(s.Current, name) && !slices.Contains(s.SearchColumns, name) {
			return fault.At("body.search_columns", "the current version of this data set has no column %q: upper and lower case matter", fault.Excerpt(name))
		}
	}
	if c.SearchColumns != nil {
		s.SearchColumns = distinct(c.SearchColumns)
	}
	return nil
}

// distinct removes duplicates and keeps the order.
func distinct[T comparable](values []T) []T {
	out := []T{}
	for _, v := range values {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// save writes the metadata.
func (s *stored) save(ctx context.Context, tx *outbox.Tx, id uuid.UUID, caller auth.Caller) error {
	var columns, terms []string
	for _, column := range slices.Sorted(maps.Keys(s.Terms)) {
		for _, term := range s.Terms[column] {
			columns, terms = append(columns, column), append(terms, term)
		}
	}
	undefined, err := database.One[struct{ Term string }](ctx, tx, pgx.ErrNoRows, selectUndefined, caller.OrganizationID, terms)
	if err != nil {
		return fmt.Errorf("look up terms: %w", err)
	}
	if undefined.Term != "" {
		return fault.At("body.terms", "the glossary has no term %q: define it first (PUT /v1/datasets/glossary/terms/{term}); upper and lower case matter", fault.Excerpt(undefined.Term))
	}
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		{updateDataset, []any{id, s.Description, s.Owner}},
		{upsertMetadata, []any{id, s.Stewards, s.Domain, s.Tags, s.Columns, s.SearchColumns, caller.UserID}},
		{deleteTerms, []any{id}},
		{insertTerms, []any{id, caller.OrganizationID, columns, terms}},
	} {
		if _, err := tx.Exec(ctx, statement.sql, statement.args...); err != nil {
			return fmt.Errorf("write metadata: %w", err)
		}
	}
	return nil
}
