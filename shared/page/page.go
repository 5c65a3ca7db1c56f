// Package page implements the response format of lists, {items, next_cursor}, newest first.
//
// Rows are identified by UUIDv7, which sort by creation time, so the cursor is the last
// identifier returned. It stays valid while rows are added and deleted.
package page

import (
	"encoding/base64"

	"github.com/google/uuid"

	"function/shared/fault"
)

// Query is the part of a request that asks for one page of a list.
type Query struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items"`
	Cursor string `query:"cursor" maxLength:"64" doc:"next_cursor of the previous page"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T    `json:"items" nullable:"false" doc:"Newest first"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last page"`
}

// Before returns the upper bound of the requested page, for use in `WHERE id < $1 ORDER BY id DESC
// LIMIT $2` with Fetch as the limit.
func (q Query) Before() (uuid.UUID, error) {
	if q.Cursor == "" {
		return uuid.Max, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || len(raw) != len(uuid.UUID{}) {
		return uuid.Nil, fault.At("query.cursor", "this is not a cursor of this list: start without one, or use next_cursor of the previous page")
	}
	return uuid.UUID(raw), nil
}

// Fetch returns the number of rows to read: one more than requested, which shows whether another
// page follows.
func (q Query) Fetch() int { return q.Limit + 1 }

// Of returns the page of the rows read with Before and Fetch.
func Of[T any](q Query, rows []T, id func(T) uuid.UUID) Page[T] {
	if len(rows) <= q.Limit {
		return Page[T]{Items: append([]T{}, rows...)}
	}
	rows = rows[:q.Limit]
	last := id(rows[len(rows)-1])
	return Page[T]{Items: rows, NextCursor: base64.RawURLEncoding.EncodeToString(last[:])}
}
