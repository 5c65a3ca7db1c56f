package analytics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/resultset"
)

const selectTables = `
SELECT dataset_id, name, status, storage_type, coalesce(version, 0) AS version,
       coalesce(table_name, '') AS table_name, coalesce(table_bytes, 0) AS table_bytes, wrapped_key
FROM published.tables WHERE organization_id = $1 ORDER BY lower(name)`

// table is a data set as the catalog publishes it.
type table struct {
	DatasetID   uuid.UUID
	Name        string
	Status      string
	StorageType string
	Version     int
	TableName   string // the object of the Parquet copy; empty: no version is ready
	TableBytes  int64
	WrappedKey  []byte
}

func (t table) ready() bool { return t.TableName != "" }

// overDatasets runs a query over the data sets that its text mentions. A mention
// may be a string or a column and not a table: then a copy is made for nothing.
func (q *Querier) overDatasets(ctx context.Context, organization uuid.UUID, query Query) (*resultset.Set, error) {
	rows, _ := q.catalog.Query(ctx, selectTables, organization)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return nil, fmt.Errorf("read the catalog of data sets: %w", err)
	}
	var mentioned, ready []table
	for _, t := range all {
		if !mentions(query.SQL, t.Name) {
			continue
		}
		mentioned = append(mentioned, t)
		if t.ready() {
			ready = append(ready, t)
		}
	}
	paths, release, err := q.copies.acquire(ctx, ready, q.decrypt)
	if err != nil {
		return nil, err
	}
	defer release()
	tables := make([]engine.Table, len(ready))
	for i, t := range ready {
		tables[i] = engine.Table{Name: t.Name, Path: paths[i]}
	}
	set, err := engine.Query(ctx, tables, query.SQL, values(query.Parameters), engine.Limits{Rows: maxRows, Bytes: maxBytes})
	if err != nil {
		return nil, datasetFault(err, all, mentioned)
	}
	return set, nil
}

func values(parameters []Parameter) []any {
	list := make([]any, len(parameters))
	for i, p := range parameters {
		list[i] = p.value
	}
	return list
}

// mentions tells whether SQL may name a table: whether the name stands in it,
// plain or as a quoted identifier, whatever its case, and is not part of a word.
func mentions(sql, name string) bool {
	sql, name = strings.ToLower(sql), strings.ToLower(name)
	return mentionsWord(sql, name) || strings.Contains(sql, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`)
}

func mentionsWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inWord(before) && !inWord(after) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[begin:])
		from = begin + size
	}
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// datasetFault turns what the engine says into what the query's author reads.
func datasetFault(err error, all, mentioned []table) error {
	var e *engine.QueryError
	if !errors.As(err, &e) {
		return fmt.Errorf("query data sets: %w", err)
	}
	if e.Reason == engine.UnknownTable {
		for _, t := range mentioned {
			if !t.ready() && strings.EqualFold(t.Name, e.Table) {
				return notReady(t)
			}
		}
		return wrong(e.Position, "%s %s", e.Detail, listed(all))
	}
	detail := e.Detail
	if e.Hint != "" {
		detail += " " + e.Hint
	}
	return wrong(e.Position, "%s", detail)
}

// notReady says why a data set that exists is no table yet.
func notReady(t table) error {
	switch t.Status {
	case "draft":
		return fault.New(fault.Conflict, "The data set %q holds nothing yet: upload a file to it", t.Name)
	case "failed":
		return fault.New(fault.Conflict, "The file of the data set %q could not be read: its failure says why, upload a file that can be read", t.Name)
	}
	return fault.New(fault.Conflict, "The data set %q is still being prepared: try again when its status is ready", t.Name).After(5 * time.Second)
}

// maxListed bounds the tables that a sentence lists.
const maxListed = 20

func listed(all []table) string {
	var names []string
	for _, t := range all {
		if t.ready() {
			names = append(names, fmt.Sprintf("%q", t.Name))
		}
	}
	switch n := len(names); {
	case n == 0:
		return "No data set of your organization is ready to be queried."
	case n > maxListed:
		return fmt.Sprintf("The tables are your data sets: %s and %d more.", strings.Join(slices.Clip(names[:maxListed]), ", "), n-maxListed)
	}
	return "The tables are your data sets: " + strings.Join(names, ", ") + "."
}
