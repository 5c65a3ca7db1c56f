// Package uuid7 creates identifiers of rows and events, for every function that stores or
// publishes one.
package uuid7

import (
	"time"

	"github.com/google/uuid"
)

// New is a UUIDv7 (RFC 9562 §5.7): identifiers sort by the time of their making,
// which lists and indexes rely on.
func New() uuid.UUID {
	return uuid.Must(uuid.NewV7()) // fails only without randomness, and crypto/rand ends the process then
}

// Time is when New made an identifier, to the millisecond.
func Time(id uuid.UUID) time.Time { return time.Unix(id.Time().UnixTime()).UTC() }

// First is the least identifier that can have been made at or after a time, in whole
// milliseconds: what was made in a time is found by identifier.
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
