package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// faulty is a store in memory whose answers can be broken.
type faulty struct {
	driver.Bucket // panics where the package needs more of a driver
	mu            sync.Mutex
	objects       map[string][]byte
	fault         func(ctx context.Context, r driver.Reader) (driver.Reader, error) // nil: none
	down          func(ctx context.Context) error                                   // nil: up
	asked         int
}

var errDown = errors.New("connection refused")

func (f *faulty) set(down func(context.Context) error, fault func(context.Context, driver.Reader) (driver.Reader, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.fault = down, fault
}

func (f *faulty) state() (func(context.Context) error, func(context.Context, driver.Reader) (driver.Reader, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.down, f.fault
}

func (f *faulty) get(key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, ok := f.objects[key]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (f *faulty) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	if down, _ := f.state(); down != nil {
		return nil, down(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := f.get(key)
	return &driver.Attributes{Size: int64(len(data))}, err
}

func (f *faulty) NewRangeReader(ctx context.Context, key string, offset, length int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	down, fault := f.state()
	if down != nil {
		return nil, down(ctx)
	}
	data, err := f.get(key)
	if err != nil {
		return nil, err
	}
	part := data[min(offset, int64(len(data))):]
	if length >= 0 {
		part = part[:min(length, int64(len(part)))]
	}
	r := memory{bytes.NewReader(part), driver.ReaderAttributes{Size: int64(len(data))}}
	if fault == nil || length == 0 {
		return r, nil
	}
	return fault(ctx, r)
}

type memory struct {
	*bytes.Reader
	attributes driver.ReaderAttributes
}

func (memory) Close() error                           { return nil }
func (memory) As(any) bool                            { return false }
func (m memory) Attributes() *driver.ReaderAttributes { return &m.attributes }
func (f *faulty) Close() error                        { return nil }
func (f *faulty) ErrorAs(error, any) bool             { return false }

func (f *faulty) Delete(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.objects, key)
	return nil
}

func (f *faulty) NewTypedWriter(ctx context.Context, key, _ string, opts *driver.WriterOptions) (driver.Writer, error) {
	return &memoryWriter{ctx: ctx, store: f, key: key, once: opts.IfNotExist}, nil
}

type memoryWriter struct {
	bytes.Buffer
	ctx   context.Context
	store *faulty
	key   string
	once  bool
}

func (w *memoryWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if _, taken := w.store.objects[w.key]; taken && w.once {
		return fs.ErrExist
	}
	w.store.objects[w.key] = w.Bytes()
	return nil
}

func (f *faulty) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return gcerrors.NotFound
	case errors.Is(err, fs.ErrExist):
		return gcerrors.FailedPrecondition
	}
	return gcerrors.Unknown
}

// wrapped changes the bytes of an answer.
type wrapped struct {
	driver.Reader
	read func(p []byte) (int, error)
}

func (w wrapped) Read(p []byte) (int, error) { return w.read(p) }

func refuse(context.Context) error { return errDown }

func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// The faults of a store in the middle of an object, after some bytes.
var faults = map[string]func(context.Context, driver.Reader) (driver.Reader, error){
	"hangs": after(func(ctx context.Context, _ driver.Reader, _ []byte) (int, error) { return 0, hang(ctx) }),
	"tears": after(func(context.Context, driver.Reader, []byte) (int, error) { return 0, io.ErrUnexpectedEOF }),
	"ends":  after(func(context.Context, driver.Reader, []byte) (int, error) { return 0, io.EOF }),
	"wrong bytes": after(func(_ context.Context, r driver.Reader, p []byte) (int, error) {
		n, err := r.Read(p)
		for i := range p[:n] {
			p[i] ^= 0xff
		}
		return n, err
	}),
}

func after(broken func(context.Context, driver.Reader, []byte) (int, error)) func(context.Context, driver.Reader) (driver.Reader, error) {
	return func(ctx context.Context, r driver.Reader) (driver.Reader, error) {
		left := 200_000
		return wrapped{r, func(p []byte) (int, error) {
			if left <= 0 {
				return broken(ctx, r, p)
			}
			n, err := r.Read(p[:min(len(p), left)])
			left -= n
			return n, err
		}}, nil
	}
}

// pair is a bucket with a backup that holds a verified copy of the object "a".
type pair struct {
	*Bucket
	primary, backup *faulty
	both            [2]*Bucket
	key, data       []byte
	reports         chan error
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: newFaulty(), backup: newFaulty(), key: bytes.Repeat([]byte{1}, KeySize), reports: make(chan error, 100)}
	p.data = make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p.data)
	p.both = [2]*Bucket{{blobs: blob.NewBucket(p.primary)}, {blobs: blob.NewBucket(p.backup)}}
	t.Cleanup(func() { p.both[0].Close(); p.both[1].Close() })
	w, err := p.both[0].Create(t.Context(), "a", p.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p.data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.both[0].Copy(t.Context(), "a", p.both[1], w.StoredSHA256()); err != nil {
		t.Fatal(err)
	}
	p.Bucket = p.both[0].withBackup(p.both[1], 50*time.Millisecond, func(_ context.Context, _ string, err error) { p.reports <- err })
	return p
}

func newFaulty() *faulty { return &faulty{objects: map[string][]byte{}} }

func (p *pair) read(t *testing.T) error {
	t.Helper()
	o, err := p.Open(t.Context(), "a", p.key)
	if err != nil {
		return err
	}
	defer o.Close()
	got, err := io.ReadAll(struct{ io.Reader }{o})
	if err == nil && !bytes.Equal(got, p.data) {
		t.Error("other bytes come back")
	}
	return err
}

func TestBackup_PrimaryWorks_IsNotAsked(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	before := p.backup.asked
	if err := p.read(t); err != nil || p.backup.asked != before || len(p.reports) != 0 {
		t.Errorf("%v, the backup was asked %d times, %d reports", err, p.backup.asked-before, len(p.reports))
	}
}

func TestBackup_PrimaryFailsInTheMiddle_ReadContinues(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			p.primary.set(nil, fault)
			if err := p.read(t); err != nil || len(p.reports) != 1 {
				t.Errorf("read %v with %d reports, want the backup's bytes and one report", err, len(p.reports))
			}
			p.backup.set(nil, fault)
			if err := p.read(t); err == nil {
				t.Error("two broken stores return an object")
			}
		})
	}
}

func TestBackup_PrimaryAway_BackupIsRead(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]func(context.Context) error{"refuses": refuse, "hangs": hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			p.primary.set(down, nil)
			if err := p.read(t); err != nil || len(p.reports) != 1 {
				t.Errorf("read %v with %d reports, want the backup's bytes and one report", err, len(p.reports))
			}
			asked := p.primary.asked
			if err := p.read(t); err != nil || p.primary.asked != asked || len(p.reports) != 2 {
				t.Errorf("read again: %v, the primary was asked %d more times, want none for a while", err, p.primary.asked-asked)
			}
			p.primary.set(nil, nil)
			p.backup.set(down, nil)
			if err := p.read(t); err != nil {
				t.Errorf("the primary is back, but the backup is away: %v", err)
			}
		})
	}
}

func TestBackup_ObjectDamagedInPrimary_BackupIsRead(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(stored []byte) []byte{
		"first byte": func(b []byte) []byte { b[0] ^= 1; return b }, "middle": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"last byte": func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, "cut": func(b []byte) []byte { return b[:len(b)/3] },
		"empty": func([]byte) []byte { return nil }, "longer": func(b []byte) []byte { return append(b, b...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			stored, err := p.both[0].blobs.ReadAll(t.Context(), "a")
			if err == nil {
				err = p.both[0].blobs.WriteAll(t.Context(), "a", damage(stored), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := p.read(t); err != nil || len(p.reports) != 1 || !errors.Is(<-p.reports, ErrCorrupt) {
				t.Errorf("read %v, want the backup's bytes and a report of corruption", err)
			}
			p.backup.set(refuse, nil)
			if err := p.read(t); err == nil || errors.Is(err, ErrCorrupt) {
				t.Errorf("%v, want an error that may go away, because the backup may return", err)
			}
			p.backup.set(nil, nil)
			if err := p.both[1].Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			if err := p.read(t); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v without a copy, want ErrCorrupt", err)
			}
		})
	}
}

func TestBackup_ObjectMissing_IsNotFoundOnlyIfBothSaySo(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := p.read(t); err != nil {
		t.Errorf("missing in the primary: %v, want the backup's bytes", err)
	}
	p.backup.set(refuse, nil)
	if err := p.read(t); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("%v while the backup is away, want an error that may go away", err)
	}
	p.backup.set(nil, nil)
	if err := p.both[1].Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if err := p.read(t); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	p.primary.set(refuse, nil)
	if err := p.read(t); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("%v while the primary is away and there is no copy, want an error that may go away", err)
	}
}

func TestBackup_ReaderGivesUp_IsNoFailover(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	o, err := p.Open(ctx, "a", p.key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	cancel()
	_, _ = io.Copy(io.Discard, o)
	if _, err := p.Open(ctx, "a", p.key); err == nil || len(p.reports) != 0 {
		t.Errorf("%v with %d reports, want an error without any", err, len(p.reports))
	}
}

func TestCopy_CopyDiffers_IsReplaced(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	if err := p.both[1].blobs.WriteAll(t.Context(), "a", []byte("other bytes"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.both[0].Copy(t.Context(), "a", p.both[1], nil); err != nil {
		t.Fatal(err)
	}
	p.primary.set(refuse, nil)
	if err := p.read(t); err != nil {
		t.Errorf("read the copy: %v", err)
	}
}

func TestCopy_SourceFails_LeavesNoCopy(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			if err := p.both[1].Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			stored, err := p.both[0].blobs.ReadAll(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			p.primary.set(nil, fault)
			p.both[0].readTimeout = 50 * time.Millisecond
			if _, err := p.both[0].Copy(t.Context(), "a", p.both[1], sum(stored)); err == nil {
				t.Error("a broken object was copied")
			}
			if _, err := p.both[1].StoredBytes(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
				t.Errorf("a copy is left: %v", err)
			}
		})
	}
}

func sum(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

// Without a backup, a store that stops answering is unavailable after the bucket's own limit.
func TestRead_StoreHangsWithoutBackup_IsUnavailable(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	alone := p.both[0]
	alone.readTimeout = 100 * time.Millisecond
	stored, err := alone.StoredBytes(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for name, stop := range map[string]func(){
		"at once":       func() { p.primary.set(hang, nil) },
		"in the middle": func() { p.primary.set(nil, faults["hangs"]) },
	} {
		stop()
		for call, do := range map[string]func() error{
			"open": func() error {
				o, err := alone.Open(t.Context(), "a", p.key)
				if err != nil {
					return err
				}
				defer o.Close()
				_, err = io.Copy(io.Discard, o)
				return err
			},
			"download": func() error { return alone.Download(t.Context(), "a", io.Discard) },
			"copy": func() error {
				_, err := alone.Copy(t.Context(), "a", &Bucket{blobs: blob.NewBucket(newFaulty())}, nil)
				return err
			},
		} {
			if err := do(); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s, %s of %d bytes: %v, want ErrUnavailable", name, call, stored, err)
			}
		}
	}
}
