// Package page implements the response format of lists, {items, next_cursor}, newest first.
//
// Rows are identified by UUIDv7, which sort by creation time, so the cursor is the last
// identifier returned. It stays valid while rows are added and deleted.
package page

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
)

// Query is the part of a request that asks for one page of a list.
type Query struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items"`
	Cursor string `query:"cursor" pattern:"^[A-Za-z0-9_-]{21}[AQgw]$" patternDescription:"next_cursor of the previous page" doc:"next_cursor of the previous page"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items" nullable:"false" doc:"Newest first"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last page"`
}

// List reads the page that q asks for. sql selects the rows of the whole list and ends in
// "id < @before ORDER BY id DESC LIMIT @limit"; List fills in @before and @limit, and returns
// each row as a T, matching columns to the names of T's fields. id returns the identifier
// that the list is ordered by.
func List[T any](ctx context.Context, db database.Querier, q Query, id func(T) uuid.UUID, sql string, args pgx.NamedArgs) (Page[T], error) {
	before, err := q.before()
	if err != nil {
		return Page[T]{}, err
	}
	all := pgx.NamedArgs{"before": before, "limit": q.Limit + 1} // one more row shows whether another page follows
	maps.Copy(all, args)
	rows, _ := db.Query(ctx, sql, all) // CollectRows returns its error
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %T: %w", *new(T), err)
	}
	return of(q, found, id), nil
}

// Map converts the items of a page, such as rows with sealed values into what the caller
// may read.
func Map[T, U any](p Page[T], convert func(T) (U, error)) (Page[U], error) {
	out := Page[U]{Items: make([]U, len(p.Items)), NextCursor: p.NextCursor}
	for i, item := range p.Items {
		var err error
		if out.Items[i], err = convert(item); err != nil {
			return Page[U]{}, err
		}
	}
	return out, nil
}

// before returns the identifier that precedes every item of the page.
func (q Query) before() (uuid.UUID, error) {
	if q.Cursor == "" {
		return uuid.Max, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || len(raw) != len(uuid.UUID{}) {
		return uuid.Nil, fault.At("query.cursor", "this is not a cursor of this list: start without one, or use next_cursor of the previous page")
	}
	return uuid.UUID(raw), nil
}

// of returns the page of the rows, which are one more than the limit if another page follows.
func of[T any](q Query, rows []T, id func(T) uuid.UUID) Page[T] {
	if len(rows) <= q.Limit {
		return Page[T]{Items: append([]T{}, rows...)}
	}
	rows = rows[:q.Limit]
	last := id(rows[len(rows)-1])
	return Page[T]{Items: rows, NextCursor: base64.RawURLEncoding.EncodeToString(last[:])}
}
