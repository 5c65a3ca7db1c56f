// Package events is what the domains tell each other: the types and payloads of
// every CloudEvent, which producers publish and subscribers receive. Domains
// share these words and nothing else of each other's insides.
//
// A payload never holds personal data: it is kept in outboxes, projections and
// dead letters, which erasure does not visit.
package events

import (
	"time"

	"github.com/google/uuid"
)

// v1 is the type of an event in its first version: a reverse-DNS name, as CloudEvents
// §type asks for, whose last word is the version. A field may be added to a version if
// subscribers do without it. Any other change makes a new version, an event type of its
// own beside the old one, until nobody subscribes to that any more.
func v1(name string) string { return "com.appliedinnovationcorp.data." + name + ".v1" }

// MaxSize bounds an encoded event, in bytes. CloudEvents promises passage to
// 64 KiB only; the brokers in use take at least this much.
const MaxSize = 512 << 10

// Event is a payload that knows its CloudEvents attributes.
type Event interface {
	// EventType is the CloudEvents `type`.
	EventType() string
	// EventSubject is the CloudEvents `subject`: what the event is about.
	EventSubject() string
	// EventOrganization is the tenant (extension `organizationid`), uuid.Nil for none.
	EventOrganization() uuid.UUID
}

// Received is an event as a subscriber gets it. (Source, ID) names it once and
// for all (CloudEvents §id): a second delivery has the same pair.
type Received[T Event] struct {
	Source string
	ID     string
	Time   time.Time
	Data   T
}
