package outboxrelay_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"

	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/job"
	"function/shared/outbox"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "platform-outbox-relay"

var declaration = outboxrelay.Service

// leaveBehind writes an event as a function does that crashes before sending it.
func leaveBehind(t *testing.T, p *platformtest.Platform, in database.Name) uuid.UUID {
	t.Helper()
	event := cloudevents.NewEvent()
	id := uuid.Must(uuid.NewV7())
	event.SetID(id.String())
	event.SetSource("/functions/dead")
	payload := events.UserLoggedIn{SessionID: id}
	event.SetType(payload.EventType())
	if err := event.SetData(cloudevents.ApplicationJSON, payload); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DB(in).Exec(context.Background(), `INSERT INTO outbox (id, event, next_attempt_at) VALUES ($1, $2, now())`, id, body); err != nil {
		t.Fatal(err)
	}
	return id
}

func outboxSize(t *testing.T, p *platformtest.Platform, in database.Name) (n int) {
	t.Helper()
	if err := p.DB(in).QueryRow(context.Background(), `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRelay_DueEvents_AreSentFromEveryDatabase(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	want := map[uuid.UUID]bool{}
	for _, db := range database.Names {
		want[leaveBehind(t, p, db)] = true
	}

	p.Wake(name).Want(t, http.StatusNoContent)

	for _, e := range platformtest.Published[events.UserLoggedIn](p, len(want)) {
		if !want[e.Data.SessionID] || e.ID != e.Data.SessionID.String() {
			t.Errorf("relayed %+v, which is none of the events left behind", e)
		}
	}
	for _, db := range database.Names {
		if n := outboxSize(t, p, db); n != 0 {
			t.Errorf("%d events left in %s", n, db)
		}
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	if got := platformtest.Published[events.UserLoggedIn](p, len(want)); len(got) != len(want) {
		t.Errorf("%d events reached the broker, want %d", len(got), len(want))
	}
}

func TestRelay_OneDatabaseFails_OthersAreRelayed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	if _, err := p.DB(database.Users).Exec(context.Background(), `ALTER TABLE outbox RENAME TO broken`); err != nil {
		t.Fatal(err)
	}
	id := leaveBehind(t, p, database.Analytics)

	p.Wake(name).Want(t, http.StatusInternalServerError)

	if got := platformtest.Published[events.UserLoggedIn](p, 1); got[0].Data.SessionID != id {
		t.Errorf("relayed %v, want %s", got, id)
	}
}

func TestRelay_EventsNotDue_AreLeft(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	id := leaveBehind(t, p, database.Users)
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE outbox SET next_attempt_at = now() + interval '1 minute' WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	if n := outboxSize(t, p, database.Users); n != 1 {
		t.Errorf("%d events in the outbox, want the one that is not due", n)
	}
}

func TestRelay_OldConsumedEvents_AreDeleted(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	_, err := p.DB(database.Users).Exec(context.Background(), `
INSERT INTO consumed_events (consumer, source, event_id, consumed_at) VALUES ('f', 's', 'old', $1), ('f', 's', 'new', now())`,
		time.Now().AddDate(0, 0, -91))
	if err != nil {
		t.Fatal(err)
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	var kept string
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT string_agg(event_id, ' ') FROM consumed_events`).Scan(&kept); err != nil || kept != "new" {
		t.Errorf("kept %q (%v), want new", kept, err)
	}
}

var spec = job.Spec{Kind: "test-work", Key: "1", Attempts: 2}

// enqueue enqueues a job in a database.
func enqueue(t *testing.T, p *platformtest.Platform, in database.Name) {
	t.Helper()
	db := outbox.New(p.DB(in), "test-cause", p.Env.Sender())
	err := db.Transact(t.Context(), func(tx *outbox.Tx) error { return job.Enqueue(t.Context(), tx, spec, events.UserRegistered{}) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestRelay_JobsThatAreDue_ArePublishedAgainInEveryDatabase(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	for _, in := range database.Names {
		enqueue(t, p, in)
		if _, err := p.DB(in).Exec(t.Context(), `UPDATE jobs SET due_at = now()`); err != nil {
			t.Fatal(err)
		}
	}
	platformtest.Published[events.UserRegistered](p, len(database.Names))

	p.Wake(name).Want(t, http.StatusNoContent)

	sent := map[string]int{}
	for _, e := range platformtest.Published[events.UserRegistered](p, 2*len(database.Names)) {
		sent[e.ID]++
	}
	if len(sent) != len(database.Names) {
		t.Errorf("events sent %v, want those of %d jobs twice", sent, len(database.Names))
	}
}

func TestRelay_DeadLetterOfAJob_CountsAsAnAttempt(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	enqueue(t, p, database.Datasets)
	started := platformtest.Published[events.UserRegistered](p, 1)[0]
	failed := platformtest.Event(events.DeliveryFailed{Function: spec.Kind, Source: started.Source, EventID: started.ID})
	other := platformtest.Event(events.DeliveryFailed{Function: "test-other", Source: started.Source, EventID: started.ID})
	for _, e := range []events.Received[events.DeliveryFailed]{failed, failed, other} { // delivered twice, counted once
		platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	}
	var state string
	var attempt int
	err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT state, attempt FROM jobs`).Scan(&state, &attempt)
	if err != nil || state != job.Retryable || attempt != 1 {
		t.Errorf("job %s after attempt %d (%v), want the first to be counted", state, attempt, err)
	}
}

func TestRelay_OldFinishedJobs_AreDeleted(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	enqueue(t, p, database.Users)
	_, err := p.DB(database.Users).Exec(t.Context(), `UPDATE jobs SET state = 'completed', event = NULL, finished_at = now() - interval '91 days'`)
	if err != nil {
		t.Fatal(err)
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	var left int
	if err := p.DB(database.Users).QueryRow(t.Context(), `SELECT count(*) FROM jobs`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d jobs left (%v), want none", left, err)
	}
}
