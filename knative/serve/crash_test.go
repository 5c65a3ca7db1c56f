package main

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/outbox"
	"function/shared/platformtest"
)

// contents is everything that a request to the users domain may change: every table, the counters,
// and the published events, whether or not the broker has received them.
type contents map[string]content

// content is the number of items and a hash of all of them.
type content struct {
	n    int
	hash string
}

// Rate limits are left out: they count attempts, whatever the result.
const selectTables = `
SELECT string_agg(format('SELECT %L AS what, count(*) AS n, coalesce(md5(string_agg(t::text, %L ORDER BY t::text)), %L) AS hash FROM %I t',
    table_name, ' ', '', table_name), ' UNION ALL ')
FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('outbox', 'metric_counters', 'rate_limits')`

const selectContents = ` UNION ALL SELECT name, sum(value)::bigint, '' FROM metric_counters GROUP BY name
UNION ALL SELECT 'ended sessions', count(*), '' FROM sessions WHERE ended_at IS NOT NULL
UNION ALL SELECT 'used tokens', count(*), '' FROM mailed_tokens WHERE used_at IS NOT NULL
UNION ALL SELECT 'verified addresses', count(*), '' FROM users WHERE email_verified_at IS NOT NULL`

func contentsOf(t *testing.T, p *platformtest.Platform) contents {
	t.Helper()
	ctx, db := context.Background(), p.DB(database.Users)
	var tables string
	if err := db.QueryRow(ctx, selectTables).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	is := contents{}
	var what string
	var c content
	rows, _ := db.Query(ctx, tables+selectContents)
	if _, err := pgx.ForEachRow(rows, []any{&what, &c.n, &c.hash}, func() error { is[what] = c; return nil }); err != nil {
		t.Fatal(err)
	}
	is["events"] = content{n: len(published(t, p))}
	return is
}

// published is each event that is in the outbox, has reached the broker, or both.
func published(t *testing.T, p *platformtest.Platform) map[string]bool {
	t.Helper()
	rows, _ := p.DB(database.Users).Query(context.Background(), `SELECT id::text FROM outbox`)
	waiting, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, id := range waiting {
		all[id] = true
	}
	for _, e := range p.Captured() {
		all[e.ID()] = true
	}
	return all
}

// changes are the differences in the numbers of items.
type changes map[string]int

func (after contents) since(before contents) changes {
	changed := changes{}
	for what, c := range after {
		if d := c.n - before[what].n; d != 0 {
			changed[what] = d
		}
	}
	return changed
}

// deed is a request that must take effect completely or not at all.
type deed struct {
	service string
	status  int     // of its response
	whole   changes // that it makes
	// prepare prepares for the request; n differs each time.
	prepare func(n int) attempt
}

// attempt is one request and what must be true of the platform afterwards. answer is nil if there
// was no response.
type attempt struct {
	token, path string
	body        any
	then        func(t *testing.T, answer *platformtest.Answer)
}

// fewest is a lower bound on the number of steps of any deed.
const fewest = 10

// killEverywhere sends a request to a process that is killed at the first step of its communication
// with the database, then to one that is killed at the second, and so on, until a process completes
// the request and survives. As long as the database is unchanged, to the last byte, the next
// process gets the same request: a caller without a response may retry.
func killEverywhere(t *testing.T, p *platformtest.Platform, d deed) {
	t.Helper()
	ready := func(n int) (attempt, contents) {
		execute(t, p, `DELETE FROM login_failures`) // of the checks
		a := d.prepare(n)
		p.Env.Sender().Wait()
		return a, contentsOf(t, p)
	}
	a, before := ready(0)
	var undone, unheard, heard int
	for n, lived := 1, false; !lived; n++ {
		execute(t, p, `DELETE FROM rate_limits`)
		c := start(t, p, d.service, n)
		answer, err := c.post(a.token, a.path, a.body)
		if err != nil {
			t.Fatal(err)
		}
		lived = c.rests(t, p)
		c.kill()
		c.Close()
		c.Gone(p.DB(database.Users))
		if answer != nil && answer.Status != d.status {
			t.Fatalf("killed at %s: answer %d, want %d\n%s", c.Last(), answer.Status, d.status, answer.Body)
		}

		after := contentsOf(t, p)

		if maps.Equal(before, after) {
			if answer != nil {
				t.Fatalf("killed at %s: acknowledged, and lost", c.Last())
			}
			undone++
			continue
		}
		if answer == nil {
			unheard++
		} else {
			heard++
		}
		if diff := cmp.Diff(d.whole, after.since(before)); diff != "" {
			t.Errorf("half done (- whole, + is):\n%s", diff)
		}
		deliver(t, p)
		a.then(t, answer)
		if t.Failed() {
			t.Fatalf("killed at %s, with an answer: %t", c.Last(), answer != nil)
		}
		a, before = ready(n)
	}
	t.Logf("%s was killed at %d points: %d times nothing was done, %d times all without an answer, %d times all with an answer",
		d.service, undone+unheard+heard-1, undone, unheard, heard-1)
	if undone < fewest || unheard == 0 {
		t.Error("these are too few points to show anything")
	}
}

// rests waits until the process was killed, or until it has nothing left to do and the broker has
// its events; it reports which.
func (c *process) rests(t *testing.T, p *platformtest.Platform) bool {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var waiting int
		if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM outbox`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		idle := waiting == 0 && c.Idle()
		select {
		case <-c.Killed():
			return false
		default:
		}
		if idle {
			return true
		}
		if time.Now().After(deadline) {
			t.Fatal("events do not reach the broker")
		}
	}
}

// deliver relays what the dead process left in the outbox. After that, no event may be missing.
func deliver(t *testing.T, p *platformtest.Platform) {
	t.Helper()
	ctx, db := context.Background(), p.DB(database.Users)
	want := published(t, p)
	if err := outbox.RetryNow(ctx, db); err != nil {
		t.Fatal(err)
	}
	if _, failed, err := p.Env.Sender().Relay(ctx, db); err != nil || failed > 0 {
		t.Fatalf("%d events not relayed: %v", failed, err)
	}
	got := map[string]bool{}
	for _, e := range p.Captured() {
		got[e.ID()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("events that reach the broker:", diff)
	}
}
