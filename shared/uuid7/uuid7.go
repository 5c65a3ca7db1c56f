// Package uuid7 creates the identifiers of rows and events.
package uuid7

import (
	"time"

	"github.com/google/uuid"
)

// New returns a UUIDv7 (RFC 9562 §5.7). Identifiers sort by creation time, which lists and indexes
// rely on.
func New() uuid.UUID {
	return uuid.Must(uuid.NewV7()) // NewV7 only fails without randomness, which ends the process anyway
}

// Time returns when an identifier was created, to the millisecond.
func Time(id uuid.UUID) time.Time { return time.Unix(id.Time().UnixTime()).UTC() }

// First returns the smallest identifier of the first whole millisecond at or after a time, so that
// rows can be selected by creation time.
func First(at time.Time) uuid.UUID {
	var id uuid.UUID
	ms := max(0, at.UnixMilli())
	if time.UnixMilli(ms).Before(at) {
		ms++
	}
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}
