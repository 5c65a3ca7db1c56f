package tables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"function/shared/objects"
	"function/shared/sandbox"
)

// counting is a store in memory that counts the requests for objects and the bytes they read.
type counting struct {
	driver.Bucket
	mu       sync.Mutex
	stored   map[string][]byte
	bytes    atomic.Int64
	requests atomic.Int64
}

func (c *counting) Close() error                       { return nil }
func (c *counting) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.Unknown }
func (c *counting) ErrorAs(error, any) bool            { return false }
func (c *counting) get(key string) []byte              { c.mu.Lock(); defer c.mu.Unlock(); return c.stored[key] }
func (c *counting) reset()                             { c.bytes.Store(0); c.requests.Store(0) }

func (c *counting) Attributes(_ context.Context, key string) (*driver.Attributes, error) {
	return &driver.Attributes{Size: int64(len(c.get(key)))}, nil
}

func (c *counting) NewRangeReader(_ context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	data := c.get(key)[offset:]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	c.requests.Add(1)
	c.bytes.Add(int64(len(data))) // as if the store sent all that was asked for
	return answered{bytes.NewReader(data)}, nil
}

type answered struct{ *bytes.Reader }

func (answered) Close() error                         { return nil }
func (answered) As(any) bool                          { return false }
func (answered) Attributes() *driver.ReaderAttributes { return &driver.ReaderAttributes{} }

func (c *counting) NewTypedWriter(_ context.Context, key, _ string, _ *driver.WriterOptions) (driver.Writer, error) {
	return &written{store: c, key: key}, nil
}

type written struct {
	bytes.Buffer
	store *counting
	key   string
}

func (w *written) Close() error {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.stored[w.key] = bytes.Clone(w.Bytes())
	return nil
}

var stores = struct {
	once sync.Once
	all  sync.Map
}{}

// OpenBucketURL implements blob.BucketURLOpener.
func (c *counting) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	store, _ := stores.all.Load(u.Host)
	return blob.NewBucket(store.(*counting)), nil
}

// wide seals a file of 50 columns in a counting store, and returns its version.
func wide(t testing.TB, rows int) (*counting, Open, Version) {
	t.Helper()
	ctx := context.Background()
	var columns []string
	for i := range 50 {
		columns = append(columns, fmt.Sprintf("(hash(i + %d) >> 20)::BIGINT AS c%d", i*rows, i))
	}
	data := parquet(t, fmt.Sprintf("SELECT %s FROM range(%d) r(i)", strings.Join(columns, ", "), rows), ", COMPRESSION zstd, ROW_GROUP_SIZE 122880")
	store := &counting{stored: map[string][]byte{}}
	host := uuid.NewString()
	stores.once.Do(func() { blob.DefaultURLMux().RegisterBucket("counting", store) })
	stores.all.Store(host, store)
	bucket, err := objects.Open(ctx, "counting://"+host)
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{1}, objects.KeySize)
	w, err := bucket.Create(ctx, "t", key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, _ Version) (Source, error) { return bucket.Open(ctx, "t", key) }
	return store, open, Version{Dataset: uuid.New(), Number: 1, Bytes: int64(len(data))}
}

const twoOf50 = "SELECT sum(c10), max(c31) FROM t WHERE c31 % 3 = 1"

func TestSparseCopies_TwoOf50Columns_FetchTheirShare(t *testing.T) {
	t.Parallel()
	store, source, v := wide(t, 600_000)
	c := open(t, maxBytes, source)
	copies, err := c.Open(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	defer copies.Release()
	answer(t, []sandbox.Table{table("t", copies, 0)}, twoOf50)
	fetched, groups := store.bytes.Load(), int64(600_000/122_880+1)
	// A fetch reads the whole frames that hold a chunk, up to 2 MiB more than the chunk, and so do
	// the two times that the object is opened.
	if bound := v.Bytes*2/50 + (2*groups+4)<<21; fetched > bound || store.requests.Load() > 2*groups+6 {
		t.Errorf("%d requests fetched %d bytes of %d, want at most %d", store.requests.Load(), fetched, v.Bytes, bound)
	}
	if got := strings.Join(loaded(copies, 0), " "); got != "c10 c31" {
		t.Errorf("loaded %s", got)
	}
	store.reset()
	again, err := c.Open(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	answer(t, []sandbox.Table{table("t", again, 0)}, twoOf50)
	if store.bytes.Load() != 0 {
		t.Errorf("the second query fetched %d bytes", store.bytes.Load())
	}
}

func TestLoad_StoredBytesDamaged_IsCorrupt(t *testing.T) {
	t.Parallel()
	store, source, v := wide(t, 300_000)
	c := open(t, maxBytes, source)
	copies, err := c.Open(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	defer copies.Release()
	sealed := store.get("t")
	sealed[len(sealed)*21/50/2] ^= 1
	if err := copies.Load(t.Context(), []int{0}, nil); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("load: %v", err)
	}
	sealed[len(sealed)*21/50/2] ^= 1
	if err := copies.Load(t.Context(), []int{0}, nil); err != nil || !copies.Complete(0) {
		t.Errorf("load again: %v", err)
	}
}

// BenchmarkTwoOf50Columns compares a first query that reads 2 of 50 columns with one over a whole copy: "bytes" is the
// share of the bytes that it fetches, and "time" that of the time.
func BenchmarkTwoOf50Columns(b *testing.B) {
	store, source, v := wide(b, 1_000_000)
	var bytes, times [2]float64
	for b.Loop() {
		for i, small := range []int64{small, v.Bytes} {
			c, err := newCache(b.TempDir(), maxBytes, small, source)
			if err != nil {
				b.Fatal(err)
			}
			store.reset()
			start := time.Now()
			copies, err := c.Open(b.Context(), v)
			if err != nil {
				b.Fatal(err)
			}
			t := sandbox.Table{Name: "t", Paths: []string{copies.Path(0)}}
			if !copies.Complete(0) {
				t = table("t", copies, 0)
			}
			if _, err := sandbox.Query(b.Context(), []sandbox.Table{t}, twoOf50, nil, sandbox.Limits{}); err != nil {
				b.Fatal(err)
			}
			times[i] += time.Since(start).Seconds()
			bytes[i] += float64(store.bytes.Load())
			copies.Release()
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(bytes[0]/bytes[1], "bytes")
	b.ReportMetric(times[0]/times[1], "time")
}

// BenchmarkPlan measures what planning adds to a query over columns that are there: "added-ms".
func BenchmarkPlan(b *testing.B) {
	_, source, v := wide(b, 300_000)
	c, err := New(b.TempDir(), source)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	copies, err := c.Open(b.Context(), v)
	if err != nil {
		b.Fatal(err)
	}
	defer copies.Release()
	var times [2]time.Duration
	for b.Loop() {
		for i, t := range []sandbox.Table{table("t", copies, 0), {Name: "t", Paths: []string{copies.Path(0)}}} {
			start := time.Now()
			if _, err := sandbox.Query(b.Context(), []sandbox.Table{t}, twoOf50, nil, sandbox.Limits{}); err != nil {
				b.Fatal(err)
			}
			times[i] += time.Since(start)
		}
	}
	b.ReportMetric(float64((times[0]-times[1]).Microseconds())/1000/float64(b.N), "added-ms")
	b.ReportMetric(float64(times[0])/float64(times[1]), "ratio")
}
