package tables

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/objects"
)

// stored is a Source in memory. It fails in the middle with err.
type stored struct {
	*bytes.Reader
	err error
}

func (s stored) Close() error { return nil }

func (s stored) WriteTo(dst io.Writer) (int64, error) {
	n, err := s.Reader.WriteTo(dst)
	return n, errors.Join(err, s.err)
}

func (s stored) CopyRanges(dst io.WriterAt, ranges []objects.Range) error {
	for _, r := range ranges {
		if _, err := io.Copy(io.NewOffsetWriter(dst, r.Offset), io.NewSectionReader(s, r.Offset, r.Length)); err != nil {
			return err
		}
	}
	return s.err
}

// zeros is an Open of versions that consist of zeros. It counts its calls.
func zeros(fetched *atomic.Int64) Open {
	return func(_ context.Context, v Version) (Source, error) {
		fetched.Add(1)
		return stored{Reader: bytes.NewReader(make([]byte, v.Bytes))}, nil
	}
}

func open(t *testing.T, max int64, source Open) *Cache {
	t.Helper()
	c, err := newCache(t.TempDir(), max, small, source)
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
	c := open(t, 100, zeros(&fetched))
	wanted := sized(10)
	done := make(chan error)
	for range 32 {
		go func() {
			copies, err := c.Open(context.Background(), wanted)
			if err == nil {
				if !exists(copies.Path(0)) {
					err = errors.New("the copy is not there")
				}
				copies.Release()
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
	c := open(t, 100, zeros(&fetched))
	use := func(v Version) string {
		t.Helper()
		copies, err := c.Open(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		copies.Release()
		return copies.Path(0)
	}
	a, b := sized(40), sized(40)
	first, second := use(a), use(b)
	use(a)
	third := use(sized(40))
	if !exists(first) || exists(second) || !exists(third) {
		t.Errorf("kept %v %v %v, want the second to go", exists(first), exists(second), exists(third))
	}

	copies, err := c.Open(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Open(ctx, sized(90))
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable || !exists(first) {
		t.Errorf("while a copy is in use: %v, kept %v; want a fault to try again", err, exists(first))
	}
	copies.Release()
	use(sized(90))
	if exists(first) || c.bytes != 90 {
		t.Errorf("an unused copy is kept (%d bytes), want it to make room", c.bytes)
	}
	_, err = c.Open(ctx, sized(60), sized(60))
	if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid {
		t.Errorf("more than there ever is room for: %v, want a refusal", err)
	}
}

func TestCache_FetchFails_IsForgotten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var fetched atomic.Int64
	broken := errors.New("broken")
	once := zeros(&fetched)
	c := open(t, 100, func(ctx context.Context, v Version) (Source, error) {
		if fetched.Load() == 0 {
			fetched.Add(1)
			return stored{bytes.NewReader([]byte("half")), broken}, nil
		}
		return once(ctx, v)
	})
	wanted := sized(100)
	_, err := c.Open(ctx, wanted)
	if !errors.Is(err, broken) || c.bytes != 0 {
		t.Errorf("%v, %d bytes counted; want the cause and none", err, c.bytes)
	}
	copies, err := c.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	defer copies.Release()
	if info, err := os.Stat(copies.Path(0)); err != nil || info.Size() != 100 {
		t.Errorf("the second try left %v (%v)", info, err)
	}
}

func TestCache_FirstCallerLeaves_OthersGetTheFile(t *testing.T) {
	t.Parallel()
	started, proceed := make(chan struct{}), make(chan struct{})
	c := open(t, 100, func(context.Context, Version) (Source, error) {
		close(started) // panics on a second fetch
		<-proceed
		return stored{Reader: bytes.NewReader(nil)}, nil
	})
	wanted := sized(10)
	begin, leave := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		_, err := c.Open(begin, wanted)
		first <- err
	}()
	<-started
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	close(proceed)
	copies, err := c.Open(context.Background(), wanted)
	if err != nil || !exists(copies.Path(0)) {
		t.Fatalf("the other got %v", err)
	}
	copies.Release()
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
	alive, err := newCache(scratch, 1, small, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-time.Hour)
	for _, dir := range []string{abandoned, alive.dir} {
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
	}
	other, err := newCache(scratch, 1, small, nil)
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
	c := open(t, 100, zeros(&fetched))
	wanted := sized(100)
	first, err := c.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Open(ctx, wanted)
	if err != nil {
		t.Fatal(err)
	}
	path := second.Path(0)
	first.Release()
	first.Release()
	if _, err := c.Open(ctx, sized(1)); err == nil || !exists(path) {
		t.Errorf("a file in use made room (%v, kept %v)", err, exists(path))
	}
	second.Release()
	if other, err := c.Open(ctx, sized(1)); err != nil || exists(path) {
		t.Errorf("an unused file stays: %v, kept %v", err, exists(path))
	} else {
		other.Release()
	}
}
