package outbox_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/platformtest"
)

// once handles an event with one effect and one published event.
func once(db *outbox.DB, e events.Received[events.UserRegistered], before func(*outbox.Tx) error) error {
	ctx := context.Background()
	return outbox.Once(ctx, db, e, func(tx *outbox.Tx) error {
		if err := act(ctx, tx); err != nil {
			return err
		}
		return before(tx)
	})
}

func nothing(*outbox.Tx) error { return nil }

func TestOnce_Duplicate_HasNoEffect(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	e := platformtest.Event(events.UserRegistered{})
	for range 3 {
		if err := once(db, e, nothing); err != nil {
			t.Fatal(err)
		}
	}
	other := e
	other.Source = "/elsewhere"
	if err := once(db, other, nothing); err != nil {
		t.Fatal(err)
	}
	neighbour := outbox.New(p.DB(database.Analytics), "neighbour", p.Env.Sender())
	if err := once(neighbour, e, nothing); err != nil {
		t.Fatal(err)
	}
	p.Env.Sender().Wait()
	if got := count(t, db, "effects"); got != 3 || len(p.Captured()) != 3 {
		t.Errorf("%d effects and %d events, want one for each source and each consumer", got, len(p.Captured()))
	}
}

func TestOnce_ConcurrentDuplicate_WaitsForTheFirst(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"that succeeds": nil, "that fails": errors.New("out of luck")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, db := open(t)
			e := platformtest.Event(events.UserRegistered{})
			underway, proceed := make(chan struct{}), make(chan struct{})
			first := make(chan error, 1)
			go func() {
				first <- once(db, e, func(*outbox.Tx) error { close(underway); <-proceed; return failure })
			}()
			<-underway
			var secondRan atomic.Bool
			second := make(chan error, 1)
			go func() { second <- once(db, e, func(*outbox.Tx) error { secondRan.Store(true); return nil }) }()
			untilBlocked(t, db)
			if secondRan.Load() {
				t.Error("the duplicate ran while the first was at work")
			}

			close(proceed)

			if err := <-first; !errors.Is(err, failure) {
				t.Errorf("the first: %v, want %v", err, failure)
			}
			if err := <-second; err != nil {
				t.Errorf("the duplicate: %v", err)
			}
			if ran := secondRan.Load(); ran != (failure != nil) {
				t.Errorf("the duplicate ran: %t", ran)
			}
			if got := count(t, db, "effects"); got != 1 {
				t.Errorf("%d effects, want 1", got)
			}
		})
	}
}

// untilBlocked waits until a statement of this database waits for a lock.
func untilBlocked(t *testing.T, db *outbox.DB) {
	t.Helper()
	for {
		var blocked bool
		err := db.QueryRow(context.Background(),
			`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&blocked)
		if err != nil {
			t.Fatal(err)
		}
		if blocked {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestOnce_ManyConcurrentDuplicates_HaveOneEffect(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	e := platformtest.Event(events.UserRegistered{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := once(db, e, nothing); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := count(t, db, "effects"); got != 1 {
		t.Errorf("%d effects, want 1", got)
	}
}

func TestOnce_ProcessDies_NextDeliveryDoesTheWork(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	e := platformtest.Event(events.UserRegistered{})

	err := once(db, e, func(tx *outbox.Tx) error {
		_, err := tx.Exec(context.Background(), `SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})

	if err == nil || !database.IsUnavailable(err) {
		t.Errorf("error %v, want one that a retry mends", err)
	}
	if got := count(t, db, "effects"); got != 0 {
		t.Fatalf("%d effects of a transaction that died", got)
	}
	for range 2 {
		if err := once(db, e, nothing); err != nil {
			t.Fatal(err)
		}
	}
	p.Env.Sender().Wait()
	if got := count(t, db, "effects"); got != 1 || len(p.Captured()) != 1 {
		t.Errorf("%d effects and %d events, want 1 and 1", got, len(p.Captured()))
	}
}

func TestOnce_ConnectionKilled_NextDeliveryDoesTheWork(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	e := platformtest.Event(events.UserRegistered{})

	err := once(db, e, func(tx *outbox.Tx) error {
		_, err := db.Exec(context.Background(), `SELECT pg_terminate_backend($1)`, tx.Conn().PgConn().PID())
		return err // the transaction notices when it commits
	})

	if err == nil || !database.IsUnavailable(err) {
		t.Errorf("error %v, want one that a retry mends", err)
	}
	if err := once(db, e, nothing); err != nil {
		t.Fatal(err)
	}
	if got := count(t, db, "effects"); got != 1 {
		t.Errorf("%d effects, want 1", got)
	}
}
