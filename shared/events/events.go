// Package events defines the types and payloads of all CloudEvents between the domains. Domains
// share these definitions and nothing else.
//
// Payloads must not contain personal data: outboxes, projections and dead letters keep them, and
// erasure does not reach those.
package events

import (
	"time"

	"github.com/google/uuid"
)

// v1 returns the type of an event's first version: a reverse-DNS name, as CloudEvents recommends,
// whose last part is the version. A field may be added to a version if subscribers work without it.
// Any other change needs a new version: a further event type, published beside the old one until
// nobody subscribes to that any more.
func v1(name string) string { return "com.appliedinnovationcorp.data." + name + ".v1" }

// MaxSize is the size limit of an encoded event, in bytes. CloudEvents guarantees only 64 KiB; the
// brokers in use accept at least this much.
const MaxSize = 512 << 10

// Event is a payload that provides its CloudEvents attributes.
type Event interface {
	// EventType is the CloudEvents `type`.
	EventType() string
	// EventSubject is the CloudEvents `subject`: what the event is about.
	EventSubject() string
	// EventOrganization is the tenant (extension `organizationid`), uuid.Nil for none.
	EventOrganization() uuid.UUID
}

// Received is an event as a subscriber receives it. (Source, ID) identifies it (CloudEvents §id); a
// repeated delivery has the same pair.
type Received[T Event] struct {
	Source string
	ID     string
	Time   time.Time
	Data   T
}
