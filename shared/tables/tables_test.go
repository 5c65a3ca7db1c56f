package tables

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
)

// write is a Fetch that creates a file of the version's size and counts its calls.
func write(fetched *atomic.Int64) Fetch {
	return func(_ context.Context, v Version, path string) error {
		fetched.Add(1)
		return os.WriteFile(path, make([]byte, v.Bytes), 0o600)
	}
}

func open(t *testing.T, max int64, fetch Fetch) *Cache {
	t.Helper()
	c, err := newCache(t.TempDir(), max, fetch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func sized(bytes int64) Version { return Version{Dataset: uuid.New(), Number: 1, Bytes: bytes} }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestCache_ManyAskAtOnce_FetchesOnce(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	c := open(t, 100, write(&fetched))
	wanted := sized(10)
	done := make(chan error)
	for range 32 {
		go func() {
			path, release, err := c.Open(context.Background(), wanted)
			if err == nil {
				if !exists(path) {
					err = errors.New("the copy is not there")
				}
				release()
			}
			done <- err
		}()
	}
	for range 32 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if fetched.Load() != 1 {
		t.Errorf("fetched %d times, want once", fetched.Load())
	}
}

func TestCache_Full_RemovesTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var fetched atomic.Int64
	c := open(t, 100, write(&fetched))
	use := func(versions ...Version) []string {
		t.Helper()
		paths, release, err := c.OpenAll(ctx, versions)
		if err != nil {
			t.Fatal(err)
		}
		release()
		return paths
	}
	a, b := sized(40), sized(40)
	first, second := use(a)[0], use(b)[0]
	use(a)
	third := use(sized(40))[0]
	if !exists(first) || exists(second) || !exists(third) {
		t.Errorf("kept %v %v %v, want the second to go", exists(first), exists(second), exists(third))
	}

	paths, release, err := c.OpenAll(ctx, []Version{a})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.OpenAll(ctx, []Version{sized(90)})
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable || !exists(paths[0]) {
		t.Errorf("while a copy is in use: %v, kept %v; want a fault to try again", err, exists(paths[0]))
	}
	release()
	use(sized(90))
	if exists(paths[0]) || c.bytes != 90 {
		t.Errorf("an unused copy is kept (%d bytes), want it to make room", c.bytes)
	}
	_, _, err = c.OpenAll(ctx, []Version{sized(60), sized(60)})
	if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid {
		t.Errorf("more than there ever is room for: %v, want a refusal", err)
	}
}

func TestCache_FetchFails_IsForgotten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var fetched atomic.Int64
	broken := errors.New("broken")
	once := write(&fetched)
	c := open(t, 100, func(ctx context.Context, v Version, path string) error {
		if fetched.Load() == 0 {
			fetched.Add(1)
			return errors.Join(os.WriteFile(path, []byte("half"), 0o600), broken)
		}
		return once(ctx, v, path)
	})
	wanted := sized(100)
	_, _, err := c.Open(ctx, wanted)
	if !errors.Is(err, broken) || c.bytes != 0 {
		t.Errorf("%v, %d bytes counted; want the cause and none", err, c.bytes)
	}
	paths, release, err := c.OpenAll(ctx, []Version{wanted})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if info, err := os.Stat(paths[0]); err != nil || info.Size() != 100 {
		t.Errorf("the second try left %v (%v)", info, err)
	}
}

func TestCache_FirstCallerLeaves_OthersGetTheFile(t *testing.T) {
	t.Parallel()
	started, proceed := make(chan struct{}), make(chan struct{})
	c := open(t, 100, func(_ context.Context, _ Version, path string) error {
		close(started) // panics on a second fetch
		<-proceed
		return os.WriteFile(path, nil, 0o600)
	})
	wanted := sized(10)
	begin, leave := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		_, _, err := c.Open(begin, wanted)
		first <- err
	}()
	<-started
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	close(proceed)
	paths, release, err := c.OpenAll(context.Background(), []Version{wanted})
	if err != nil || !exists(paths[0]) {
		t.Fatalf("the other got %v", err)
	}
	release()
}

func TestCache_DirectoriesOfDeadProcesses_AreRemoved(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	abandoned, young := filepath.Join(scratch, prefix+"old"), filepath.Join(scratch, prefix+"new")
	for _, dir := range []string{abandoned, young} {
		if err := os.MkdirAll(filepath.Join(dir, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := newCache(scratch, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandoned, alive.dir} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	other, err := newCache(scratch, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if exists(abandoned) || !exists(young) || !exists(alive.dir) {
		t.Errorf("kept: abandoned %v, young %v, in use %v", exists(abandoned), exists(young), exists(alive.dir))
	}
	if err := errors.Join(alive.Close(), other.Close()); err != nil || exists(alive.dir) {
		t.Errorf("close: %v, kept %v", err, exists(alive.dir))
	}
}

func TestCache_ReleasedTwice_StaysForTheOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var fetched atomic.Int64
	c := open(t, 100, write(&fetched))
	wanted := sized(100)
	_, first, err := c.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	path, second, err := c.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	first()
	first()
	if _, _, err := c.Open(ctx, sized(1)); err == nil || !exists(path) {
		t.Errorf("a file in use made room (%v, kept %v)", err, exists(path))
	}
	second()
	if _, release, err := c.Open(ctx, sized(1)); err != nil || exists(path) {
		t.Errorf("an unused file stays: %v, kept %v", err, exists(path))
	} else {
		release()
	}
}
