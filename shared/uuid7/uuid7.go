// Package uuid7 names rows and events. Every function that makes one uses it.
package uuid7

import "github.com/google/uuid"

// New is a UUIDv7 (RFC 9562 §5.7): identifiers sort by the time of their making,
// which lists and indexes rely on.
func New() uuid.UUID {
	return uuid.Must(uuid.NewV7()) // fails only without randomness, and crypto/rand ends the process then
}
