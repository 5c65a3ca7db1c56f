package document

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
)

// limit is how much a request may read.
type limit struct{ documents, bytes int }

// Limits of a find. A page without a sort ends early when it has read unsorted.
var (
	unsorted = limit{10_000, 64 << 20}
	sorted   = limit{100_000, 512 << 20}
)

const (
	maxPage     = 8 << 20 // bytes of the documents of a page
	maxSortText = 1 << 10 // bytes of a value that is sorted by
	batchRows   = 500
	batchBytes  = 4 << 20
)

// Query selects a page of documents.
type Query struct {
	Filter Filter
	Sort   []string // paths; - before a path sorts downwards
	Fields []string
	Limit  int
	Cursor string
}

// Found is a page of documents.
type Found struct {
	Items      []Document `json:"items" nullable:"false" doc:"In the order of sort, and newest first where it does not decide"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last page. A page may have fewer documents than limit although another one follows"`
}

const selectCandidates = `
SELECT ` + rowColumns + ` FROM dataset_documents
WHERE dataset_id = @dataset AND sequence < @before AND (terms IS NULL OR terms @> @terms)
ORDER BY sequence DESC LIMIT @limit`

// match is a document that is found, with the values that it is sorted by.
type match struct {
	row
	content  []byte
	document map[string]any
	values   []any
}

// Find returns a page of the documents of a data set.
func (s *Store) Find(ctx context.Context, dataset uuid.UUID, q Query) (Found, error) {
	after, err := parseCursor(q.Cursor, "body.cursor", len(q.Sort))
	if err != nil {
		return Found{}, err
	}
	c, err := s.settings(ctx, s.DB, dataset)
	if database.IsNoRows(err) {
		return Found{Items: []Document{}}, nil
	}
	if err != nil {
		return Found{}, err
	}
	search := search{store: s, settings: c, dataset: dataset, query: q, after: after}
	if len(q.Sort) > 0 {
		return search.sorted(ctx)
	}
	return search.newest(ctx)
}

type search struct {
	store    *Store
	settings settings
	dataset  uuid.UUID
	query    Query
	after    *position
}

// each calls visit with the documents that match, newest first, until it returns false.
// It returns the sequence of the last document that was read, or uuid.Nil after all of them. It reads
// somewhat more than the limit at most.
func (f search) each(ctx context.Context, before uuid.UUID, most limit, visit func(match) (bool, error)) (uuid.UUID, error) {
	required := f.query.Filter.required(f.settings.key)
	for read := (limit{}); read.documents < most.documents && read.bytes < most.bytes; {
		rows, _ := f.store.DB.Query(ctx, selectCandidates, pgx.NamedArgs{"dataset": f.dataset, "before": before, "terms": required, "limit": batchRows})
		candidates, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
		if err != nil {
			return before, fmt.Errorf("find documents: %w", err)
		}
		read.documents += len(candidates)
		for _, some := range batches(candidates) {
			if read.bytes >= most.bytes {
				return before, nil
			}
			contents, err := f.store.contents(ctx, f.store.DB, f.settings, f.dataset, some)
			if err != nil {
				return before, err
			}
			for _, r := range some {
				read.bytes += r.SizeBytes
				content, ok := contents[r.Body]
				if !ok { // changed in the meantime: as it is now
					latest, err := f.store.get(ctx, f.store.DB, f.settings, f.dataset, r.ID)
					if errors.Is(err, ErrNotFound) {
						continue
					}
					if err != nil {
						return before, err
					}
					r.Body, r.ChangedAt, content = uuid.MustParse(strings.Trim(latest.ETag, `"`)), latest.ChangedAt, latest.Document.RawMessage
				}
				document, err := Parse(content)
				if err != nil {
					return before, fmt.Errorf("decode document %s: %w", r.Body, err)
				}
				if f.query.Filter.Matches(document) {
					more, err := visit(match{row: r, content: content, document: document, values: f.values(document)})
					if err != nil || !more {
						return before, err
					}
				}
				before = r.Sequence
			}
		}
		if len(candidates) < batchRows {
			return uuid.Nil, nil
		}
	}
	return before, nil
}

// batches cuts rows so that the contents of each part fit into memory.
func batches(rows []row) (parts [][]row) {
	size, start := 0, 0
	for i, r := range rows {
		if size += r.SizeBytes; size > batchBytes && i > start {
			parts, start, size = append(parts, rows[start:i]), i, r.SizeBytes
		}
	}
	return append(parts, rows[start:])
}

func (f search) newest(ctx context.Context) (found Found, err error) {
	before, size := uuid.Max, 0
	if f.after != nil {
		before = f.after.Sequence
	}
	found.Items = []Document{}
	last, err := f.each(ctx, before, unsorted, func(m match) (bool, error) {
		if len(found.Items) == f.query.Limit || size > 0 && size+len(m.content) > maxPage {
			return false, nil
		}
		size += len(m.content)
		shown, err := f.show(m)
		found.Items = append(found.Items, shown)
		return true, err
	})
	if err == nil && last != uuid.Nil {
		found.NextCursor, err = position{Sequence: last}.encode()
	}
	return found, err
}

func (f search) sorted(ctx context.Context) (found Found, err error) {
	var first []match
	last, err := f.each(ctx, uuid.Max, sorted, func(m match) (bool, error) {
		for i, value := range m.values {
			if text, err := Encode(shownValue(value)); err != nil || len(text) > maxSortText {
				return false, fault.At(fmt.Sprintf("body.sort[%d]", i), "a document has a value of more than %d bytes here, by which it cannot be sorted: exclude it by the filter, or sort by another field", maxSortText)
			}
		}
		if f.after != nil && f.order(m.values, m.Sequence, f.after.values(), f.after.Sequence) <= 0 {
			return true, nil
		}
		at, _ := slices.BinarySearchFunc(first, m, func(a, b match) int { return f.order(a.values, a.Sequence, b.values, b.Sequence) })
		if at <= f.query.Limit {
			m.content, m.document = nil, nil
			first = slices.Insert(first, at, m)
			first = first[:min(len(first), f.query.Limit+1)]
		}
		return true, nil
	})
	if err != nil {
		return found, err
	}
	if last != uuid.Nil {
		return found, fault.At("body.sort", "more than %d documents or %d MiB would have to be read to sort them: add a condition that a field equals a value", sorted.documents, sorted.bytes>>20)
	}
	return f.page(ctx, first)
}

// page reads the documents of a sorted page again, because only their order was kept.
func (f search) page(ctx context.Context, first []match) (found Found, err error) {
	found.Items = []Document{}
	size := 0
	for i, m := range first {
		if i == f.query.Limit || size > 0 && size+m.SizeBytes > maxPage {
			found.NextCursor, err = position{Sequence: first[i-1].Sequence, Values: shownValues(first[i-1].values)}.encode()
			return found, err
		}
		latest, err := f.store.get(ctx, f.store.DB, f.settings, f.dataset, m.ID)
		if errors.Is(err, ErrNotFound) {
			continue // deleted in the meantime
		}
		if err != nil {
			return found, err
		}
		now, err := Parse(latest.Document.RawMessage)
		if err != nil {
			return found, fmt.Errorf("decode document %s of data set %s: %w", m.ID, f.dataset, err)
		}
		if !f.query.Filter.Matches(now) {
			continue // changed in the meantime
		}
		size += len(latest.Document.RawMessage)
		m.content = latest.Document.RawMessage
		m.Body, m.ChangedAt = uuid.MustParse(strings.Trim(latest.ETag, `"`)), latest.ChangedAt
		shown, err := f.show(m)
		if err != nil {
			return found, err
		}
		found.Items = append(found.Items, shown)
	}
	return found, nil
}

func (f search) show(m match) (Document, error) {
	if len(f.query.Fields) == 0 {
		return m.shown(m.content), nil
	}
	document, err := Parse(m.content)
	if err != nil {
		return Document{}, err
	}
	text, err := Encode(Fields(document, f.query.Fields))
	return m.shown(text), err
}

func (f search) values(document map[string]any) []any {
	values := make([]any, len(f.query.Sort))
	for i, by := range f.query.Sort {
		values[i] = parsePath(strings.TrimPrefix(by, "-")).value(document)
	}
	return values
}

// order compares the places of two documents: by their values, and then the newer one first.
func (f search) order(a []any, first uuid.UUID, b []any, second uuid.UUID) int {
	for i, by := range f.query.Sort {
		order := compare(a[i], b[i])
		if strings.HasPrefix(by, "-") {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return strings.Compare(second.String(), first.String())
}

// position is where a page ends.
type position struct {
	Sequence uuid.UUID `json:"s"`
	Values   []any     `json:"v,omitempty"` // each in an array, which is empty for a missing field
}

func shownValue(value any) any {
	if _, ok := value.(missing); ok {
		return []any{}
	}
	return []any{value}
}

func shownValues(values []any) []any {
	shown := make([]any, len(values))
	for i, value := range values {
		shown[i] = shownValue(value)
	}
	return shown
}

func (p position) values() []any {
	values := make([]any, len(p.Values))
	for i, shown := range p.Values {
		values[i] = missing{}
		if list := shown.([]any); len(list) > 0 {
			values[i] = list[0]
		}
	}
	return values
}

func (p position) encode() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func parseCursor(cursor, at string, sorts int) (*position, error) {
	if cursor == "" {
		return nil, nil
	}
	refusal := fault.At(at, "this is not a cursor of this search: start without one, or use next_cursor of the previous page with the same sort")
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, refusal
	}
	value, err := decode(text)
	object, ok := value.(map[string]any)
	if err != nil || !ok || Check(value) != nil {
		return nil, refusal
	}
	var p position
	sequence, _ := object["s"].(string)
	if p.Sequence, err = uuid.Parse(sequence); err != nil {
		return nil, refusal
	}
	p.Values, _ = object["v"].([]any)
	if len(p.Values) != sorts {
		return nil, refusal
	}
	for _, shown := range p.Values {
		if list, ok := shown.([]any); !ok || len(list) > 1 {
			return nil, refusal
		}
	}
	return &p, nil
}
