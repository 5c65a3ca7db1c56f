package ratelimit_test

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"function/shared/database"
	"function/shared/platformtest"
	"function/shared/ratelimit"
	redisstore "function/shared/ratelimit/redis"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// hourly is a limit that is not restored during a test.
var hourly = ratelimit.Limit{Name: "test", Quota: 10, Window: time.Hour}

func newKey() []byte {
	key := make([]byte, 16)
	rand.Read(key)
	return key
}

// All stores pass the same tests against a real server.
func TestStores(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) ratelimit.Store{"PostgreSQL": postgres, "Redis": redis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStore(t, open(t))
		})
	}
}

func testStore(t *testing.T, store ratelimit.Store) {
	take := func(t *testing.T, key []byte, l ratelimit.Limit, cells int) ratelimit.Grant {
		t.Helper()
		g, err := store.Take(context.Background(), key, l, cells)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	t.Run("the quota may come at once and no more", func(t *testing.T) {
		key := newKey()
		for i := range hourly.Quota {
			g := take(t, key, hourly, 1)
			if g.Cells != 1 {
				t.Fatalf("request %d got %d cells, want 1", i+1, g.Cells)
			}
			if used := time.Duration(i+1) * 6 * time.Minute; g.Whole > used || g.Whole < used-time.Minute {
				t.Errorf("after request %d the quota is whole in %s, want %s", i+1, g.Whole, used)
			}
		}
		for range 3 {
			if g := take(t, key, hourly, 1); g.Cells != 0 || g.Whole > time.Hour || g.Whole < 59*time.Minute {
				t.Errorf("beyond the quota: %+v, want no cell and an hour", g)
			}
		}
	})
	t.Run("a batch gets what is left", func(t *testing.T) {
		key := newKey()
		if a, b, c := take(t, key, hourly, 7), take(t, key, hourly, 7), take(t, key, hourly, 7); a.Cells != 7 || b.Cells != 3 || c.Cells != 0 {
			t.Errorf("batches of 7 from 10 got %d, %d and %d", a.Cells, b.Cells, c.Cells)
		}
	})
	t.Run("keys do not share", func(t *testing.T) {
		take(t, newKey(), hourly, 10)
		if g := take(t, newKey(), hourly, 1); g.Cells != 1 {
			t.Error("another key's requests count")
		}
	})
	t.Run("it refills evenly", func(t *testing.T) {
		key, fast := newKey(), ratelimit.Limit{Name: "test", Quota: 1000, Window: time.Second}
		took := take(t, key, fast, 1000).Cells
		for deadline := time.Now().Add(time.Minute); took < 1100 && time.Now().Before(deadline); {
			took += take(t, key, fast, 1000).Cells
		}
		if took < 1100 {
			t.Error("the quota does not refill")
		}
	})
	t.Run("a quota that does not divide its window", func(t *testing.T) {
		key, odd := newKey(), ratelimit.Limit{Name: "test", Quota: 7, Window: time.Hour}
		if g := take(t, key, odd, 100); g.Cells != 7 {
			t.Errorf("got %d cells of a quota of 7", g.Cells)
		}
	})
	t.Run("the largest quota", func(t *testing.T) {
		key, large := newKey(), ratelimit.Limit{Name: "test", Quota: 1_000_000, Window: 24 * time.Hour}
		if g := take(t, key, large, 2_000_000); g.Cells != 1_000_000 {
			t.Errorf("got %d cells, want a million", g.Cells)
		}
	})
	t.Run("requests at once get the quota together", func(t *testing.T) {
		key := newKey()
		var mu sync.Mutex
		var wg sync.WaitGroup
		granted := 0
		for range 40 {
			wg.Go(func() {
				g, err := store.Take(context.Background(), key, hourly, 1)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				granted += g.Cells
			})
		}
		wg.Wait()
		if granted != hourly.Quota {
			t.Errorf("%d requests of 40 at once passed, want %d", granted, hourly.Quota)
		}
	})
}

func postgres(t testing.TB) ratelimit.Store {
	p := platformtest.New(t)
	pool, err := database.Open(context.Background(), p.Env.Config.IdentityDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return ratelimit.NewPostgres(pool)
}

// redis starts a server on a free port.
func redis(t testing.TB) ratelimit.Store {
	url, _ := startRedis(t)
	store, err := redisstore.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func startRedis(t testing.TB) (url string, stop func()) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if program, err = exec.LookPath("valkey-server"); err != nil {
			t.Fatal("tests need a real Redis or Valkey: scripts/setup.sh installs it")
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	_, port, _ := net.SplitHostPort(address.String())
	dir, err := os.MkdirTemp("", "aic-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); log.Close() })
	t.Cleanup(stop)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if connection, err := net.Dial("tcp", address.String()); err == nil {
			connection.Close()
			return "redis://" + address.String(), stop
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer: %s", program, said)
		}
	}
}
