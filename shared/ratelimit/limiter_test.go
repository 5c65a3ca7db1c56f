package ratelimit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/shared/ratelimit"
	redisstore "function/shared/ratelimit/redis"
)

// counting counts the calls of a real store.
type counting struct {
	ratelimit.Store
	asked atomic.Int64
}

func (c *counting) Take(ctx context.Context, key []byte, l ratelimit.Limit, cells int) (ratelimit.Grant, error) {
	c.asked.Add(1)
	return c.Store.Take(ctx, key, l, cells)
}

func TestTake_SeveralProcesses_ShareAQuota(t *testing.T) {
	t.Parallel()
	store := &counting{Store: postgres(t)}
	limit := ratelimit.Limit{Name: "test", Quota: 100, Window: time.Hour}
	processes := []*ratelimit.Limiter{ratelimit.NewLimiter(store), ratelimit.NewLimiter(store)}
	var passed atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				s := processes[i%2].Take(context.Background(), limit, "", "ada")
				if s.Allowed {
					passed.Add(1)
				} else if s.RetryAfter <= 0 || s.Remaining != 0 {
					t.Errorf("refused with %+v", s)
				}
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 100 {
		t.Errorf("%d of 400 requests passed a quota of 100", n)
	}
	before := store.asked.Load()
	for range 100 {
		for _, p := range processes {
			if s := p.Take(context.Background(), limit, "", "ada"); s.Allowed {
				t.Fatal("a request passed beyond the quota")
			}
		}
	}
	if asked := store.asked.Load() - before; asked != 0 {
		t.Errorf("the store was asked %d times for a key that is known to be used up", asked)
	}
	if s := processes[0].Take(context.Background(), limit, "", "eve"); !s.Allowed || s.Remaining != 99 {
		t.Errorf("somebody else gets %+v", s)
	}
	if s := processes[0].Take(context.Background(), limit, "users-login", "ada"); !s.Allowed {
		t.Errorf("another operation gets %+v", s)
	}
}

func TestTake_BusyKey_CallsTheStoreRarely(t *testing.T) {
	t.Parallel()
	store := &counting{Store: postgres(t)}
	l := ratelimit.NewLimiter(store)
	limit := ratelimit.Limit{Name: "test", Quota: 1_000_000, Window: time.Hour}
	for range 20_000 {
		if s := l.Take(context.Background(), limit, "", "ada"); !s.Allowed || s.Remaining >= limit.Quota {
			t.Fatalf("state %+v", s)
		}
	}
	if asked := store.asked.Load(); asked > 2_000 {
		t.Errorf("the store was asked %d times for 20,000 requests", asked)
	}
}

type away struct{ asked atomic.Int64 }

func (a *away) Take(context.Context, []byte, ratelimit.Limit, int) (ratelimit.Grant, error) {
	a.asked.Add(1)
	return ratelimit.Grant{}, errors.New("away")
}

func TestTake_StoreUnavailable_LimitsNobodyAndIsCalledRarely(t *testing.T) {
	t.Parallel()
	store := &away{}
	l := ratelimit.NewLimiter(store)
	for range 10_000 {
		if s := l.Take(context.Background(), hourly, "", "ada"); !s.Allowed {
			t.Fatalf("refused with %+v", s)
		}
	}
	if n := store.asked.Load(); n > 1_000 {
		t.Errorf("the store was asked %d times while it was away", n)
	}
}

func TestTake_RedisDies_LimitsNobody(t *testing.T) {
	t.Parallel()
	url, stop := startRedis(t)
	store, err := redisstore.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l := ratelimit.NewLimiter(store)
	if s := l.Take(context.Background(), hourly, "", "ada"); !s.Allowed || s.Remaining != 9 {
		t.Errorf("first request: %+v", s)
	}
	stop()
	for _, of := range []string{"ada", "eve"} {
		if s := l.Take(context.Background(), hourly, "", of); !s.Allowed {
			t.Errorf("refused with %+v while Redis is away", s)
		}
	}
	if _, err := redisstore.Open("redis://:s3cret@[::1"); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v of a URL that is none, want one without the password", err)
	}
}

// granting is a store that grants everything.
type granting struct{ asked atomic.Int64 }

func (g *granting) Take(_ context.Context, _ []byte, _ ratelimit.Limit, cells int) (ratelimit.Grant, error) {
	g.asked.Add(1)
	return ratelimit.Grant{Cells: cells}, nil
}

func TestTake_FirstStoreUnavailable_UsesTheNext(t *testing.T) {
	t.Parallel()
	first, next := &away{}, &granting{}
	l := ratelimit.NewLimiter(first, next)
	for range 50 {
		if s := l.Take(context.Background(), ratelimit.Limit{Name: "x", Quota: 1, Window: time.Second}, "", rand.Text()); !s.Allowed {
			t.Fatalf("refused with %+v", s)
		}
	}
	if first.asked.Load() != 1 || next.asked.Load() != 50 {
		t.Errorf("asked %d and %d times, want 1 and 50", first.asked.Load(), next.asked.Load())
	}
	time.Sleep(1100 * time.Millisecond)
	l.Take(context.Background(), hourly, "", "ada")
	if first.asked.Load() != 2 {
		t.Error("the first store is never asked again")
	}
}

func TestLimits_Decode(t *testing.T) {
	t.Parallel()
	changed := ratelimit.Default
	changed.Caller, changed.Address = ratelimit.Limit{Name: "caller", Quota: 600, Window: time.Minute}, ratelimit.Limit{}
	for value, want := range map[string]ratelimit.Limits{
		"on": ratelimit.Default, "": ratelimit.Default, "off": {}, "caller=600/1m, address=off": changed,
	} {
		var got ratelimit.Limits
		if err := got.EnvDecode(value); err != nil {
			t.Errorf("%q: %v", value, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
	for _, value := range []string{"x", "caller", "caller=", "caller=0/1m", "caller=-1/1m", "caller=1/0s", "caller=1/25h", "caller=1000001/1h", "caller=1/1m/1m", "token=1/1m", "off,off"} {
		if err := new(ratelimit.Limits).EnvDecode(value); err == nil {
			t.Errorf("%q is accepted", value)
		}
	}
}

func TestHeaders_AreStructuredFields(t *testing.T) {
	t.Parallel()
	if got, want := hourly.Policy(), `"test";q=10;w=3600`; got != want {
		t.Errorf("RateLimit-Policy: %s, want %s", got, want)
	}
	s := ratelimit.State{Allowed: true, Remaining: 7, Reset: 1001 * time.Millisecond}
	if got, want := s.Header(hourly), `"test";r=7;t=2`; got != want {
		t.Errorf("RateLimit: %s, want %s", got, want)
	}
}

func BenchmarkTake(b *testing.B) {
	limit := ratelimit.Limit{Name: "test", Quota: 1_000_000, Window: time.Second}
	for name, open := range map[string]func(testing.TB) ratelimit.Store{"PostgreSQL": postgres, "Redis": redis} {
		store := open(b)
		b.Run(name+"/busy key", func(b *testing.B) {
			l := ratelimit.NewLimiter(store)
			b.ReportAllocs()
			for b.Loop() {
				l.Take(context.Background(), limit, "", "ada")
			}
		})
		b.Run(name+"/store", func(b *testing.B) {
			key := newKey()
			for b.Loop() {
				if _, err := store.Take(context.Background(), key, limit, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
