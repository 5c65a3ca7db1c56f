// Package derivation makes the versions of derived data sets: data sets whose rows are the result of a query over others.
package derivation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/database"
	"function/shared/engine"
	"function/shared/fault"
	"function/shared/lineage"
	"function/shared/sandbox"
	"function/shared/sqltext"
)

// Input is a data set that a query reads.
type Input struct {
	Name      string // in the query
	DatasetID uuid.UUID
	Ref       *string // as in table@ref; nil: the current version
}

const (
	selectTables = `
SELECT id AS dataset_id, name, NULL AS ref FROM datasets d
WHERE organization_id = $1 AND may_read(d, $2) AND kind = 'table' AND deleted_at IS NULL ORDER BY lower(name)`
	selectCurrent = `
SELECT v.columns::text AS columns FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id AND v.status = 'ready'
WHERE d.id = $1 AND v.version = CASE WHEN $2::text IS NULL THEN d.ready_version ELSE published.version_at(d.id, $2) END`
	selectReady = `SELECT ready_version IS NOT NULL AS ready FROM datasets WHERE id = $1`
)

// Plan checks a query, and returns the data sets that it reads, among those that every member of the organization may read:
// so a derived data set shows nobody what they may not see.
func Plan(ctx context.Context, db database.Querier, organization uuid.UUID, query string) ([]Input, error) {
	rows, _ := db.Query(ctx, selectTables, organization, access.Everyone(organization))
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[Input])
	if err != nil {
		return nil, fmt.Errorf("list data sets: %w", err)
	}
	rewritten, refs := sqltext.Versions(query)
	known := map[string]Input{}
	var names []string
	for _, in := range all {
		known[in.Name], names = in, append(names, in.Name)
		for _, ref := range refs {
			if strings.EqualFold(ref.Table, in.Name) {
				known[ref.Name()], names = Input{ref.Name(), in.DatasetID, &ref.Ref}, append(names, ref.Name())
			}
		}
	}
	read, err := sandbox.Check(ctx, names, rewritten.SQL)
	if err != nil {
		return nil, wrong(err, rewritten)
	}
	var inputs []Input
	for _, name := range read {
		inputs = append(inputs, known[name])
	}
	if len(inputs) == 0 {
		return nil, fault.At("body.query", "the query reads no data set: name one in FROM")
	}
	return inputs, bind(ctx, db, inputs, rewritten)
}

// bind checks the columns that a query reads, if all data sets have a ready version.
func bind(ctx context.Context, db database.Querier, inputs []Input, rewritten sqltext.Rewritten) error {
	var tables []lineage.Table
	for _, in := range inputs {
		current, err := database.One[struct{ Columns string }](ctx, db, pgx.ErrNoRows, selectCurrent, in.DatasetID, in.Ref)
		if database.IsNoRows(err) {
			return missing(ctx, db, in)
		}
		if err != nil {
			return fmt.Errorf("read columns: %w", err)
		}
		table := lineage.Table{Name: in.Name}
		if err := json.Unmarshal([]byte(current.Columns), &table.Columns); err != nil {
			return fmt.Errorf("decode columns: %w", err)
		}
		tables = append(tables, table)
	}
	_, err := lineage.Columns(ctx, tables, rewritten.SQL)
	if e := engine.ErrorOf(err); e != nil {
		return fault.At("body.query", "%s", engine.Sentence(e))
	}
	return err
}

// missing refuses a version that does not exist. A data set without any ready version may get one.
func missing(ctx context.Context, db database.Querier, in Input) error {
	found, err := database.One[struct{ Ready bool }](ctx, db, pgx.ErrNoRows, selectReady, in.DatasetID)
	if err != nil {
		return fmt.Errorf("look up data set: %w", err)
	}
	if found.Ready && in.Ref != nil {
		return fault.At("body.query", "there is no ready version %s: name one by its number, a tag, a branch or a time", fault.Excerpt(in.Name))
	}
	return nil
}

// wrong returns what is wrong with the query as a fault of the request.
func wrong(err error, rewritten sqltext.Rewritten) error {
	var e *sandbox.Error
	if !errors.As(err, &e) {
		return err
	}
	detail := e.Detail
	if e.Position > 0 {
		detail = fmt.Sprintf("at character %d: %s", rewritten.Original(e.Position), detail)
	}
	return fault.At("body.query", "%s", strings.TrimSpace(detail+" "+e.Hint))
}
