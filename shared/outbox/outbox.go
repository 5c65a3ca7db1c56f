// Package outbox makes events as durable as the data that they describe. An event is a row written
// in the transaction of its cause, sent to the broker after the commit, and deleted once the broker
// has confirmed it. The function platform-outbox-relay sends unconfirmed events again. Events are
// therefore delivered at least once; Once makes their effect happen exactly once.
package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/events"
	"function/shared/trace"
	"function/shared/uuid7"
)

// DB is one function's view of a database whose transactions can publish events.
type DB struct {
	*pgxpool.Pool
	Sources func(address string) []byte // returns a keyed hash of a network address, by which refusals of unauthenticated callers are counted; nil: each is recorded

	service string // the function's name: source of its events and consumer of others
	sender  *Sender
}

// New returns a function's view of a database.
func New(pool *pgxpool.Pool, service string, sender *Sender) *DB {
	return &DB{Pool: pool, service: service, sender: sender}
}

// Service returns the name of the function that uses the database.
func (db *DB) Service() string { return db.service }

// Write runs a statement at once, in its own transaction.
func (db *DB) Write(ctx context.Context, sql string, arguments ...any) error {
	_, err := db.Exec(ctx, sql, arguments...)
	return err
}

// Tx is a transaction that can publish events.
type Tx struct {
	*database.Tx
	service   string
	published []cloudevents.Event
}

// relayDelay is how long the relay leaves a new event to the direct send. It exceeds sendTimeout, so
// that the two do not overlap.
const relayDelay = time.Minute

// The outbox may still hold an event that is sent again.
const insertEvent = `INSERT INTO outbox (id, event, next_attempt_at) VALUES ($1, $2, now() + $3) ON CONFLICT (id) DO NOTHING`

// Publish writes an event to the outbox. It is sent after the transaction has committed.
func (tx *Tx) Publish(ctx context.Context, e events.Event) error {
	event, err := tx.Envelope(ctx, e)
	if err != nil {
		return err
	}
	return tx.Send(ctx, event)
}

// Envelope returns the CloudEvent that [Tx.Publish] sends.
func (tx *Tx) Envelope(ctx context.Context, e events.Event) (cloudevents.Event, error) {
	event, err := envelope(ctx, uuid7.New(), tx.service, e)
	if err != nil {
		return event, fmt.Errorf("make event %s: %w", e.EventType(), err)
	}
	return event, nil
}

// Send writes a CloudEvent to the outbox: a new one, or one that this database published before and
// that is to be delivered again. Its identifier must be a UUID.
func (tx *Tx) Send(ctx context.Context, event cloudevents.Event) error {
	id, err := uuid.Parse(event.ID())
	if err != nil {
		return fmt.Errorf("send event %s: its identifier is not a UUID", event.Type())
	}
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", event.Type(), err)
	}
	if len(body) > events.MaxSize {
		return fmt.Errorf("publish event %s: %d bytes exceed the %d that receivers accept", event.Type(), len(body), events.MaxSize)
	}
	tx.published = append(tx.published, event)
	return tx.Write(ctx, insertEvent, id, body, relayDelay)
}

func envelope(ctx context.Context, id uuid.UUID, service string, e events.Event) (cloudevents.Event, error) {
	event := cloudevents.NewEvent()
	event.SetID(id.String())
	event.SetSource("/functions/" + service)
	event.SetType(e.EventType())
	event.SetSubject(e.EventSubject())
	event.SetTime(time.Now().UTC())
	if organization := e.EventOrganization(); organization != uuid.Nil {
		event.SetExtension("organizationid", organization.String())
	}
	if parent := trace.From(ctx); parent != "" {
		event.SetExtension("traceparent", string(parent)) // CloudEvents Distributed Tracing extension
	}
	if err := event.SetData(cloudevents.ApplicationJSON, e); err != nil {
		return event, err
	}
	return event, event.Validate()
}

// Transact runs work in a transaction and, after the commit, sends what it published in the
// background. Work may run again after a lost race.
func (db *DB) Transact(ctx context.Context, work func(*Tx) error) error {
	return db.TransactFrom(ctx, func(*pgx.Batch) {}, work)
}

// TransactFrom is like [DB.Transact] and sends statements known beforehand with the BEGIN; see
// [database.TransactFrom].
func (db *DB) TransactFrom(ctx context.Context, first func(*pgx.Batch), work func(*Tx) error) error {
	var published []cloudevents.Event
	err := database.TransactFrom(ctx, db.Pool, first, func(plain *database.Tx) error {
		tx := &Tx{Tx: plain, service: db.service}
		err := work(tx)
		published = tx.published
		return err
	})
	if err != nil {
		return err
	}
	for _, event := range published {
		db.sender.sendAsync(db.Pool, event)
	}
	return nil
}

const consume = `
INSERT INTO consumed_events (consumer, source, event_id) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING`

// Once runs the effect of an event exactly once for this function, however often the event is
// delivered. A duplicate that arrives during the first delivery waits for it: if that commits,
// nothing is left to do; if it fails, the duplicate does the work. Use a job for long work (package
// job).
func Once[T events.Event](ctx context.Context, db *DB, e events.Received[T], work func(*Tx) error) error {
	var first bool
	record := func(b *pgx.Batch) {
		b.Queue(consume, db.service, e.Source, e.ID).Exec(func(recorded pgconn.CommandTag) error {
			first = recorded.RowsAffected() == 1
			return nil
		})
	}
	return db.TransactFrom(ctx, record, func(tx *Tx) error {
		if !first {
			return nil
		}
		return work(tx)
	})
}
