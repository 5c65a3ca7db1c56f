package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/trace"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// open returns a database as the function "test" uses it, with a table of effects.
func open(t *testing.T) (*platformtest.Platform, *outbox.DB) {
	t.Helper()
	p := platformtest.New(t)
	db := outbox.New(p.DB(database.Analytics), "test", p.Env.Sender())
	if _, err := db.Exec(context.Background(), `CREATE TABLE effects (at timestamptz NOT NULL DEFAULT clock_timestamp())`); err != nil {
		t.Fatal(err)
	}
	return p, db
}

func count(t *testing.T, db *outbox.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(context.Background(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// act makes an effect and publishes one event about it.
func act(ctx context.Context, tx *outbox.Tx) error {
	if _, err := tx.Exec(ctx, `INSERT INTO effects DEFAULT VALUES`); err != nil {
		return err
	}
	return tx.Publish(ctx, events.UserLoggedIn{SessionID: uuid.New(), OrganizationID: uuid.New()})
}

func TestPublish_Committed_IsSent(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := trace.With(context.Background(), parent)

	if err := db.Transact(ctx, func(tx *outbox.Tx) error { return act(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
	p.Env.Sender().Wait()

	sent := p.Captured()
	if len(sent) != 1 || count(t, db, "outbox") != 0 || count(t, db, "effects") != 1 {
		t.Fatalf("%d events sent, %d in the outbox, %d effects: want 1, 0, 1", len(sent), count(t, db, "outbox"), count(t, db, "effects"))
	}
	e := sent[0]
	if e.Source() != "/functions/test" || e.Type() != (events.UserLoggedIn{}).EventType() || e.Subject() == "" ||
		e.Extensions()["traceparent"] != parent || e.Extensions()["organizationid"] == nil {
		t.Errorf("sent %v", e)
	}
}

func TestPublish_RolledBack_IsNotSent(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	ctx, failure := context.Background(), errors.New("changed my mind")

	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		if err := act(ctx, tx); err != nil {
			return err
		}
		return failure
	})
	p.Env.Sender().Wait()

	if !errors.Is(err, failure) {
		t.Errorf("error %v, want the work's own", err)
	}
	if len(p.Captured()) != 0 || count(t, db, "outbox") != 0 || count(t, db, "effects") != 0 {
		t.Error("something is left of work that failed")
	}
}

func TestTransact_LostRace_RunsAgainAndPublishesOnce(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	ctx, attempts := context.Background(), 0

	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		attempts++
		if err := act(ctx, tx); err != nil || attempts == 3 {
			return err
		}
		return &pgconn.PgError{Code: "40001"}
	})
	p.Env.Sender().Wait()

	if err != nil || attempts != 3 || len(p.Captured()) != 1 || count(t, db, "effects") != 1 {
		t.Errorf("%v after %d attempts with %d events and %d effects, want 3, 1, 1", err, attempts, len(p.Captured()), count(t, db, "effects"))
	}
}

func TestTransact_LosesEveryRace_Fails(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	attempts := 0
	err := db.Transact(context.Background(), func(*outbox.Tx) error { attempts++; return &pgconn.PgError{Code: "40P01"} })
	if err == nil || attempts != 5 {
		t.Errorf("%v after %d attempts, want the failure after 5", err, attempts)
	}
}

func TestTransact_Panic_RollsBack(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	ctx := context.Background()
	func() {
		defer func() { _ = recover() }()
		_ = db.Transact(ctx, func(tx *outbox.Tx) error {
			if err := act(ctx, tx); err != nil {
				return err
			}
			panic("bug")
		})
	}()
	p.Env.Sender().Wait()
	if len(p.Captured()) != 0 || count(t, db, "outbox") != 0 || count(t, db, "effects") != 0 {
		t.Error("something is left of work that panicked")
	}
}

func TestPublish_EventTooLarge_IsRefused(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	ctx := context.Background()
	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		return tx.Publish(ctx, events.DatasetCreated{Dataset: events.Dataset{Name: strings.Repeat("x", events.MaxSize)}})
	})
	p.Env.Sender().Wait()
	if err == nil || len(p.Captured()) != 0 {
		t.Errorf("%v, %d events sent, want an error and none", err, len(p.Captured()))
	}
}
