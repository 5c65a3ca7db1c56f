package outbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/outbox"
	"function/shared/platformtest"
)

// leave publishes n events that the broker refuses.
func leave(t *testing.T, p *platformtest.Platform, db *outbox.DB, n int) {
	t.Helper()
	p.BreakBroker(http.StatusServiceUnavailable)
	ctx := context.Background()
	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		for range n {
			if err := act(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Env.Sender().Wait()
	if got := count(t, db, "outbox"); got != n || len(p.Captured()) != 0 {
		t.Fatalf("%d events in the outbox and %d sent, want %d and none", got, len(p.Captured()), n)
	}
}

func relay(t *testing.T, p *platformtest.Platform, db *outbox.DB) (sent, failed int) {
	t.Helper()
	if err := outbox.RetryNow(context.Background(), db.Pool); err != nil {
		t.Fatal(err)
	}
	sent, failed, err := p.Env.Sender().Relay(context.Background(), db.Pool)
	if err != nil {
		t.Fatal(err)
	}
	return sent, failed
}

func TestRelay_BrokerRefusedBefore_SendsAgain(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	leave(t, p, db, 100)
	p.BreakBroker(0)
	if sent, failed := relay(t, p, db); sent != 100 || failed != 0 {
		t.Errorf("relayed %d, failed %d, want 100 and 0", sent, failed)
	}
	if len(p.Captured()) != 100 || count(t, db, "outbox") != 0 {
		t.Errorf("%d events reached the broker, %d are left, want 100 and 0", len(p.Captured()), count(t, db, "outbox"))
	}
}

func TestRelay_BrokerDown_GivesUp(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	leave(t, p, db, 100)

	sent, failed := relay(t, p, db)

	if sent != 0 || failed == 0 || failed == 100 {
		t.Errorf("relayed %d, failed %d, want one batch of failures", sent, failed)
	}
	var tried int
	err := db.QueryRow(context.Background(), `SELECT count(*) FROM outbox WHERE attempts = 1 AND next_attempt_at > now() + interval '30 seconds'`).Scan(&tried)
	if err != nil || tried != failed {
		t.Errorf("%d events put off (%v), want the %d that failed", tried, err, failed)
	}
}

func TestRelay_TwoAtOnce_SendEachEventOnce(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	leave(t, p, db, 300)
	p.BreakBroker(0)
	if err := outbox.RetryNow(context.Background(), db.Pool); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 2 {
		other := outbox.NewSender(p.Env.Config.Sink)
		wg.Go(func() {
			if _, failed, err := other.Relay(context.Background(), db.Pool); err != nil || failed != 0 {
				t.Errorf("failed %d, %v", failed, err)
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, e := range p.Captured() {
		seen[e.ID()]++
	}
	if len(seen) != 300 || len(p.Captured()) != 300 {
		t.Errorf("%d events sent %d times, want 300 once", len(seen), len(p.Captured()))
	}
}

func TestRelay_InvalidRow_DoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	leave(t, p, db, 1)
	p.BreakBroker(0)
	for _, junk := range []string{`{}`, `[]`, `"x"`, `{"specversion": "1.0", "id": ""}`, `{"specversion": "9"}`} {
		if _, err := db.Exec(context.Background(), `INSERT INTO outbox (id, event, next_attempt_at) VALUES ($1, $2, now())`, uuid.New(), []byte(junk)); err != nil {
			t.Fatal(err)
		}
	}
	if sent, failed := relay(t, p, db); sent != 1 || failed != 5 {
		t.Errorf("relayed %d, failed %d, want 1 and 5", sent, failed)
	}
}

func TestPublish_ManyAtOnce_AreAllSentWithoutTheRelay(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // so that many wait
		http.Redirect(w, r, p.Env.Config.Sink, http.StatusTemporaryRedirect)
	}))
	defer slow.Close()
	sender := outbox.NewSender(slow.URL)
	busy := outbox.New(db.Pool, "test", sender)
	var uploads sync.WaitGroup
	for range 200 {
		uploads.Go(func() {
			if err := busy.Transact(context.Background(), func(tx *outbox.Tx) error { return act(context.Background(), tx) }); err != nil {
				t.Error(err)
			}
		})
	}
	uploads.Wait()

	sender.Wait()

	if len(p.Captured()) != 200 || count(t, db, "outbox") != 0 {
		t.Errorf("%d events reached the broker, %d are left, want 200 and 0", len(p.Captured()), count(t, db, "outbox"))
	}
}

func TestPublish_BrokerUnreachable_LeavesTheEventToTheRelay(t *testing.T) {
	t.Parallel()
	p, db := open(t)
	ctx := context.Background()
	for _, sink := range []string{"", "http://127.0.0.1:1", "no url\x00"} {
		sender := outbox.NewSender(sink)
		cut := outbox.New(db.Pool, "test", sender)
		if err := cut.Transact(ctx, func(tx *outbox.Tx) error { return act(ctx, tx) }); err != nil {
			t.Errorf("work failed for want of the broker at %q: %v", sink, err)
		}
		sender.Wait()
	}
	if sent, failed := relay(t, p, db); sent != 3 || failed != 0 {
		t.Errorf("relayed %d, failed %d, want 3 and 0", sent, failed)
	}
}
