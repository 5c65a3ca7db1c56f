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
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "platform-outbox-relay"

var declaration = outboxrelay.Service

// leaveBehind writes an event as a function does that dies before sending it.
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

func TestRelaySendsWhatIsDueInEveryDatabase(t *testing.T) {
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

func TestRelayOfOneDatabaseDoesNotWaitForAnother(t *testing.T) {
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

func TestRelayLeavesWhatIsNotDue(t *testing.T) {
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

func TestRelayForgetsOldConsumedEvents(t *testing.T) {
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
