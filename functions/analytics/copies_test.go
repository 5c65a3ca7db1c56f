package analytics

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

// write is a fetch that makes a file of the table's size and counts itself.
func write(fetched *atomic.Int64) fetch {
	return func(_ context.Context, t table, path string) error {
		fetched.Add(1)
		return os.WriteFile(path, make([]byte, t.TableBytes), 0o600)
	}
}

func openCopies(t *testing.T, max int64) *copies {
	t.Helper()
	c, err := newCopies(t.TempDir(), max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func sized(bytes int64) table { return table{DatasetID: uuid.New(), Version: 1, TableBytes: bytes} }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestCopiesFetchOnceForAllWhoAskAtOnce(t *testing.T) {
	t.Parallel()
	c := openCopies(t, 100)
	var fetched atomic.Int64
	wanted := sized(10)
	done := make(chan error)
	for range 32 {
		go func() {
			paths, release, err := c.acquire(context.Background(), []table{wanted}, write(&fetched))
			if err == nil {
				if !exists(paths[0]) {
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

func TestCopiesMakeRoomFromTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	c := openCopies(t, 100)
	ctx := context.Background()
	var fetched atomic.Int64
	use := func(tables ...table) []string {
		t.Helper()
		paths, release, err := c.acquire(ctx, tables, write(&fetched))
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

	paths, release, err := c.acquire(ctx, []table{a}, write(&fetched))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.acquire(ctx, []table{sized(90)}, write(&fetched))
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable || !exists(paths[0]) {
		t.Errorf("while a copy is in use: %v, kept %v; want a fault to try again", err, exists(paths[0]))
	}
	release()
	use(sized(90))
	if exists(paths[0]) || c.bytes != 90 {
		t.Errorf("an unused copy is kept (%d bytes), want it to make room", c.bytes)
	}
	_, _, err = c.acquire(ctx, []table{sized(60), sized(60)}, write(&fetched))
	if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid {
		t.Errorf("more than there ever is room for: %v, want a refusal", err)
	}
}

func TestCopiesForgetWhatCouldNotBeMade(t *testing.T) {
	t.Parallel()
	c := openCopies(t, 100)
	ctx := context.Background()
	var fetched atomic.Int64
	broken := errors.New("broken")
	wanted := sized(100)
	_, _, err := c.acquire(ctx, []table{wanted}, func(_ context.Context, _ table, path string) error {
		return errors.Join(os.WriteFile(path, []byte("half"), 0o600), broken)
	})
	if !errors.Is(err, broken) || c.bytes != 0 {
		t.Errorf("%v, %d bytes counted; want the cause and none", err, c.bytes)
	}
	paths, release, err := c.acquire(ctx, []table{wanted}, write(&fetched))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if info, err := os.Stat(paths[0]); err != nil || info.Size() != 100 {
		t.Errorf("the second try left %v (%v)", info, err)
	}
}

func TestCopiesAreMadeForTheOthersWhenTheFirstLeaves(t *testing.T) {
	t.Parallel()
	c := openCopies(t, 100)
	wanted := sized(10)
	begin, leave := context.WithCancel(context.Background())
	started, proceed := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		_, _, err := c.acquire(begin, []table{wanted}, func(ctx context.Context, t table, path string) error {
			close(started)
			<-proceed
			return os.WriteFile(path, nil, 0o600)
		})
		first <- err
	}()
	<-started
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	close(proceed)
	paths, release, err := c.acquire(context.Background(), []table{wanted}, nil)
	if err != nil || !exists(paths[0]) {
		t.Fatalf("the other got %v", err)
	}
	release()
}

func TestCopiesOfDeadProcessesAreRemoved(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	abandoned, young := filepath.Join(scratch, copyPrefix+"old"), filepath.Join(scratch, copyPrefix+"new")
	for _, dir := range []string{abandoned, young} {
		if err := os.MkdirAll(filepath.Join(dir, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	alive, err := newCopies(scratch, 1)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandoned, alive.dir} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	other, err := newCopies(scratch, 1)
	if err != nil {
		t.Fatal(err)
	}
	if exists(abandoned) || !exists(young) || !exists(alive.dir) {
		t.Errorf("kept: abandoned %v, young %v, in use %v", exists(abandoned), exists(young), exists(alive.dir))
	}
	if err := errors.Join(alive.close(), other.close()); err != nil || exists(alive.dir) {
		t.Errorf("close: %v, kept %v", err, exists(alive.dir))
	}
}

func TestBulkheadRefusesWhatCannotWait(t *testing.T) {
	t.Parallel()
	b := newBulkhead(1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	leave, err := b.enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { _, err := b.enter(ctx); waiting <- err }()
	for len(b.queued) < 2 {
		time.Sleep(time.Millisecond)
	}
	_, err = b.enter(ctx)
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("a third query gets %v, want a fault to try again later", err)
	}
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up waiting gets %v", err)
	}
	leave()
	if len(b.queued)+len(b.running) != 0 {
		t.Errorf("%d slots are still held", len(b.queued)+len(b.running))
	}
}
