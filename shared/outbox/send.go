package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sendTimeout is the time limit of one send. Knative's in-memory broker answers only after delivery
// and retries, so a failing subscriber would block the sender for minutes. The sender gives up, and
// the relay tries again.
const sendTimeout = 10 * time.Second

const (
	maxSends  = 16                       // concurrent sends
	maxQueued = 1000                     // events that are sent or wait to be; further ones are left to the relay
	queueTime = relayDelay - sendTimeout // how long an event waits to be sent before it is left to the relay
)

// Sender posts events to the broker (K_SINK).
type Sender struct {
	sink     string
	client   *http.Client
	queue    chan struct{} // a place for each event that is sent or waits to be
	sends    chan struct{} // a place for each concurrent send
	underway sync.WaitGroup

	mu    sync.Mutex
	taken map[*pgxpool.Pool][]string // IDs of events that the broker has confirmed and the outbox still holds
}

// NewSender returns a sender to the broker at the URL sink.
func NewSender(sink string) *Sender {
	return &Sender{sink: sink, client: NewClient(), queue: make(chan struct{}, maxQueued), sends: make(chan struct{}, maxSends), taken: map[*pgxpool.Pool][]string{}}
}

// NewClient returns a client that keeps an idle connection for each concurrent send. Go's default
// keeps two and would open new connections for the rest.
func NewClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxSends
	return &http.Client{Transport: transport}
}

// Wait waits, for about a minute at most, until no event is queued or being sent. Call it before the
// process ends.
func (s *Sender) Wait() { s.underway.Wait() }

func (s *Sender) sendAsync(pool *pgxpool.Pool, event cloudevents.Event) {
	select {
	case s.queue <- struct{}{}:
	default:
		return
	}
	s.underway.Go(func() {
		defer func() { <-s.queue }()
		ctx := context.Background()
		if err := s.sendQueued(ctx, event); err != nil {
			slog.WarnContext(ctx, "event left for the relay", "event", event.ID(), "type", event.Type(), "error", err)
			return
		}
		s.deleteAsync(pool, event.ID())
	})
}

func (s *Sender) sendQueued(ctx context.Context, event cloudevents.Event) error {
	wait := time.NewTimer(queueTime)
	defer wait.Stop()
	select {
	case s.sends <- struct{}{}:
		defer func() { <-s.sends }()
		return s.Post(ctx, event)
	case <-wait.C:
		return errors.New("too many events wait to be sent")
	}
}

// deleteDelay is how long confirmed events are collected, so that busy functions delete many in one
// transaction. If the process dies in the meantime, the relay sends them again.
const deleteDelay = 50 * time.Millisecond

func (s *Sender) deleteAsync(pool *pgxpool.Pool, event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[pool] = append(s.taken[pool], event)
	if len(s.taken[pool]) > 1 { // the first caller deletes them all
		return
	}
	s.underway.Go(func() {
		time.Sleep(deleteDelay)
		s.mu.Lock()
		events := s.taken[pool]
		delete(s.taken, pool)
		s.mu.Unlock()
		ctx := context.Background()
		if err := deleteEvents(ctx, pool, events); err != nil {
			slog.WarnContext(ctx, "sent events left for the relay", "events", len(events), "error", err)
		}
	})
}

const deleteSent = `DELETE FROM outbox WHERE id = ANY ($1::text[]::uuid[])`

func deleteEvents(ctx context.Context, pool *pgxpool.Pool, events []string) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if _, err := pool.Exec(ctx, deleteSent, events); err != nil {
		return fmt.Errorf("delete sent events: %w", err)
	}
	return nil
}

// Post sends one event to the broker without the outbox, for events that are already durable
// elsewhere. An error means that the broker has not confirmed the event.
func (s *Sender) Post(ctx context.Context, event cloudevents.Event) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := cloudevents.NewHTTPRequestFromEvent(ctx, s.sink, event)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("post to broker: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // drain, so that the connection is reused
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("post to broker: %s", response.Status)
	}
	return nil
}

// claimDue takes due events and postpones their next attempt by 1, 2, 4 … 60 minutes, so nothing is
// lost if the relay dies. It takes no more than the relay can send, or give up on, within the first
// minute.
const claimDue = `
UPDATE outbox SET attempts = attempts + 1, next_attempt_at = now() + least(60, 2 ^ least(attempts, 6)) * interval '1 minute'
WHERE id IN (SELECT id FROM outbox WHERE next_attempt_at <= now() ORDER BY id LIMIT 64 FOR UPDATE SKIP LOCKED)
RETURNING id, event`

type dueEvent struct {
	ID    uuid.UUID
	Event json.RawMessage
}

// Relay sends the due events of one database and returns how many the broker confirmed and how many
// failed.
func (s *Sender) Relay(ctx context.Context, pool *pgxpool.Pool) (sent, failed int, err error) {
	for {
		rows, _ := pool.Query(ctx, claimDue)
		due, err := pgx.CollectRows(rows, pgx.RowToStructByName[dueEvent])
		if err != nil {
			return sent, failed, fmt.Errorf("claim due events: %w", err)
		}
		if len(due) == 0 {
			return sent, failed, nil
		}
		taken, refused := s.relayAll(ctx, pool, due)
		sent, failed = sent+taken, failed+refused
		if err := ctx.Err(); err != nil {
			return sent, failed, fmt.Errorf("relay events: %w", err)
		}
		if taken == 0 {
			return sent, failed, nil // the broker is down; the next relay sends the rest
		}
	}
}

func (s *Sender) relayAll(ctx context.Context, pool *pgxpool.Pool, due []dueEvent) (sent, failed int) {
	results := make(chan error, len(due))
	for _, d := range due {
		s.sends <- struct{}{}
		s.underway.Go(func() {
			defer func() { <-s.sends }()
			results <- s.relay(ctx, pool, d)
		})
	}
	for range due {
		if err := <-results; err != nil {
			failed++
		} else {
			sent++
		}
	}
	return sent, failed
}

func (s *Sender) relay(ctx context.Context, pool *pgxpool.Pool, d dueEvent) error {
	var event cloudevents.Event
	err := json.Unmarshal(d.Event, &event)
	if err == nil {
		err = s.Post(ctx, event)
	}
	if err == nil {
		err = deleteEvents(ctx, pool, []string{d.ID.String()})
	}
	if err != nil {
		slog.WarnContext(ctx, "event not relayed", "event", d.ID, "error", err)
	}
	return err
}

const (
	prune = `DELETE FROM consumed_events WHERE consumed_at < now() - interval '90 days'`
	retry = `UPDATE outbox SET next_attempt_at = now() WHERE next_attempt_at > now()`
)

// Prune deletes consumed events after 90 days. No broker or dead letter delivers them again by
// then.
func Prune(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, prune); err != nil {
		return fmt.Errorf("prune consumed events: %w", err)
	}
	return nil
}

// RetryNow makes all unconfirmed events due. Call it on a start after a crash, when no other
// process can be sending.
func RetryNow(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, retry); err != nil {
		return fmt.Errorf("make events due: %w", err)
	}
	return nil
}
