package objectstest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob"

	"function/shared/objects"
	_ "function/shared/objects/azure"
	_ "function/shared/objects/gcs"
	"function/shared/objects/objectstest"
	_ "function/shared/objects/s3"
)

func TestMain(m *testing.M) { objectstest.Main(m) }

// store is a bucket under test, and the same bucket without this project's code.
type store struct {
	*objects.Bucket
	raw *blob.Bucket
}

// stores are the stores that a deployment can have. Each gets a bucket per test.
var stores = map[string]func(testing.TB) string{
	"local": func(t testing.TB) string { return "file://" + t.TempDir() },
	"s3":    func(t testing.TB) string { return objectstest.NewS3(t).URL() },
	"gcs":   objectstest.GCS,
	"azure": objectstest.Azure,
}

// TestStores_FulfillTheContract runs the same requirements against every real store.
func TestStores_FulfillTheContract(t *testing.T) {
	t.Parallel()
	for name, newURL := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newURL(t)
			bucket, err := objects.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := blob.OpenBucket(t.Context(), strings.Replace(url, "file://", "file://", 1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { bucket.Close(); raw.Close() })
			for _, requirement := range requirements {
				t.Run(requirement.name, func(t *testing.T) { requirement.test(t, store{bucket, raw}) })
			}
		})
	}
}

var requirements = []struct {
	name string
	test func(*testing.T, store)
}{
	{"every size comes back", everySize},
	{"ranges", ranges},
	{"missing object", missing},
	{"never overwritten", neverOverwritten},
	{"two writers", twoWriters},
	{"abort and cancel leave nothing", abortLeavesNothing},
	{"source that fails leaves nothing", failingSource},
	{"delete", deleted},
	{"names", names},
	{"wrong key, corrupt and moved bytes", corrupt},
	{"copy", copied},
	{"100 MB in parts", inParts},
}

func newKey() []byte {
	key := make([]byte, objects.KeySize)
	_, _ = rand.Read(key)
	return key
}

// noise does not compress.
func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

func (s store) put(t *testing.T, name string, key, data []byte) *objects.Writer {
	t.Helper()
	w, err := s.Create(t.Context(), name, key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (s store) get(t *testing.T, name string, key []byte) []byte {
	t.Helper()
	o, err := s.Open(t.Context(), name, key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var got bytes.Buffer
	if _, err := o.WriteTo(&got); err != nil {
		t.Fatal(err)
	}
	return got.Bytes()
}

// list returns the names of all objects under a prefix, as the store itself lists them.
func (s store) list(t *testing.T, prefix string) (found []string) {
	t.Helper()
	for all := s.raw.List(&blob.ListOptions{Prefix: prefix}); ; {
		o, err := all.Next(t.Context())
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, o.Key)
	}
}

func everySize(t *testing.T, s store) {
	for name, size := range map[string]int{"empty": 0, "byte": 1, "package": 64 << 10, "frame": 1 << 20, "part": 8 << 20, "parts": 9<<20 + 3} {
		key, data := newKey(), noise(size)
		w := s.put(t, "size/"+name, key, data)
		if got := s.get(t, "size/"+name, key); !bytes.Equal(got, data) {
			t.Errorf("%s: %d of %d bytes come back", name, len(got), size)
		}
		stored, err := s.raw.ReadAll(t.Context(), "size/"+name)
		if sum := sha256.Sum256(stored); err != nil || !bytes.Equal(sum[:], w.StoredSHA256()) || int64(len(stored)) != w.StoredBytes() {
			t.Errorf("%s: the writer's hash or size is not that of the %d stored bytes (%v)", name, len(stored), err)
		}
	}
}

func ranges(t *testing.T, s store) {
	key, data := newKey(), noise(5<<20+7)
	s.put(t, "ranges", key, data)
	o, err := s.Open(t.Context(), "ranges", key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, r := range [][2]int{{0, 1}, {len(data) - 1, 1}, {1<<20 - 1, 2}, {64<<10 - 1, 2}, {3 << 20, 1 << 20}, {100, 300_000}, {len(data), 0}} {
		got := make([]byte, r[1])
		if _, err := o.ReadAt(got, int64(r[0])); err != nil && err != io.EOF || !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("range %v: %v", r, err)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	several := []objects.Range{{Offset: 5, Length: 70_000}, {Offset: 3 << 20, Length: 1 << 20}, {Offset: int64(len(data)) - 9, Length: 9}}
	if err := o.CopyRanges(file, several); err != nil {
		t.Fatal(err)
	}
	for _, r := range several {
		got := make([]byte, r.Length)
		if _, err := file.ReadAt(got, r.Offset); err != nil || !bytes.Equal(got, data[r.Offset:r.End()]) {
			t.Errorf("copied range %v: %v", r, err)
		}
	}
}

func missing(t *testing.T, s store) {
	if ok, err := s.raw.Exists(t.Context(), "missing"); ok || err != nil {
		t.Errorf("exists %v (%v)", ok, err)
	}
	for what, call := range map[string]func() error{
		"open":     func() error { _, err := s.Open(t.Context(), "missing", newKey()); return err },
		"stat":     func() error { _, err := s.StoredBytes(t.Context(), "missing"); return err },
		"download": func() error { return s.Download(t.Context(), "missing", io.Discard) },
		"copy":     func() error { _, err := s.Copy(t.Context(), "missing", s.Bucket, nil); return err },
	} {
		if err := call(); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
}

func neverOverwritten(t *testing.T, s store) {
	key := newKey()
	s.put(t, "once", key, []byte("first"))
	for _, size := range []int{1, 9 << 20} { // in one request, and in parts
		w, err := s.Create(t.Context(), "once", key)
		if err == nil {
			if _, err = w.Write(noise(size)); err == nil {
				err = w.Close()
			}
			w.Abort()
		}
		if !refused(err, size) {
			t.Errorf("second object of %d bytes: %v, want ErrExists", size, err)
		}
		if _, err := s.Upload(t.Context(), "once", bytes.NewReader(noise(size))); !refused(err, size) {
			t.Errorf("upload of %d bytes: %v, want ErrExists", size, err)
		}
	}
	if got := s.get(t, "once", key); string(got) != "first" {
		t.Errorf("the object has become %d other bytes", len(got))
	}
}

// refused reports whether an object was not stored because its name is taken. A server that refuses
// a large request before it has read it may close the connection, so that the reason is lost.
func refused(err error, size int) bool {
	return errors.Is(err, objects.ErrExists) || err != nil && size > 1<<20 && errors.Is(err, syscall.ECONNRESET)
}

// twoWriters commits two objects of one name at the same time: the name has exactly one of them.
func twoWriters(t *testing.T, s store) {
	key := newKey()
	var group sync.WaitGroup
	for i := range 2 {
		group.Go(func() {
			w, err := s.Create(t.Context(), "raced", key)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Abort()
			_, _ = w.Write(noise(100 + i))
			if err := w.Close(); err != nil && !errors.Is(err, objects.ErrExists) {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if got := s.get(t, "raced", key); !bytes.Equal(got, noise(100)) && !bytes.Equal(got, noise(101)) {
		t.Errorf("%d bytes, want those of one writer", len(got))
	}
}

func abortLeavesNothing(t *testing.T, s store) {
	for _, size := range []int{0, 10, 9 << 20} {
		w, err := s.Create(t.Context(), "left/aborted", newKey())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(noise(size)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.StoredBytes(t.Context(), "left/aborted"); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("an unfinished object of %d bytes: %v, want ErrNotFound", size, err)
		}
		w.Abort()
		ctx, cancel := context.WithCancel(t.Context())
		if w, err = s.Create(ctx, "left/cancelled", newKey()); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(noise(size))
		cancel()
		if err := w.Close(); err == nil {
			t.Errorf("a cancelled object of %d bytes was committed", size)
		}
		w.Abort()
	}
	if found := s.list(t, "left/"); len(found) > 0 {
		t.Errorf("%q are left", found)
	}
}

func failingSource(t *testing.T, s store) {
	for _, size := range []int{0, 10, 9 << 20} {
		src := io.MultiReader(bytes.NewReader(noise(size)), failing{errors.New("the sender went away")})
		if _, err := s.Upload(t.Context(), "broken/upload", src); err == nil || !strings.Contains(err.Error(), "the sender went away") {
			t.Errorf("%d bytes and an error: %v, want the source's error", size, err)
		}
	}
	if found := s.list(t, "broken/"); len(found) > 0 {
		t.Errorf("%q are left", found)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func deleted(t *testing.T, s store) {
	key := newKey()
	s.put(t, "deleted/a/b", key, []byte("data"))
	s.put(t, "deleted/a/c", key, []byte("data"))
	for range 2 { // a missing object is no error
		if err := s.Delete(t.Context(), "deleted/a/b"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Delete(t.Context(), "deleted/never"); err != nil {
		t.Error(err)
	}
	if found := s.list(t, "deleted/"); len(found) != 1 || found[0] != "deleted/a/c" {
		t.Errorf("%q are left, want the other object", found)
	}
	s.put(t, "deleted/a/b", key, []byte("data")) // the name is free again
}

func names(t *testing.T, s store) {
	key := newKey()
	for _, name := range []string{"a", "A0/b=c.d-e_f", strings.Repeat(strings.Repeat("a", 200)+"/", 4) + "z"} {
		s.put(t, name, key, []byte(name))
		if got := s.get(t, name, key); string(got) != name {
			t.Errorf("%q holds %q", name, got)
		}
	}
	for _, name := range []string{"", "..", "a/../b", "/a", "a/", "a//b", "a b", "ä", "a\\b", "a\x00", strings.Repeat("a/", 451)} {
		if _, err := s.Create(t.Context(), name, key); !errors.Is(err, objects.ErrName) {
			t.Errorf("name %q: %v, want ErrName", name, err)
		}
	}
}

func corrupt(t *testing.T, s store) {
	key, data := newKey(), noise(300_000)
	s.put(t, "corrupt/good", key, data)
	if _, err := s.Open(t.Context(), "corrupt/good", newKey()); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("wrong key: %v, want ErrCorrupt", err)
	}
	stored, err := s.raw.ReadAll(t.Context(), "corrupt/good")
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"moved": func(b []byte) []byte { return b },
		"short": func(b []byte) []byte { return b[:len(b)-1] },
		"empty": func([]byte) []byte { return nil },
		"first": func(b []byte) []byte { b[20] ^= 1; return b },
		"last":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		if err := s.raw.WriteAll(t.Context(), "corrupt/"+name, damage(bytes.Clone(stored)), nil); err != nil {
			t.Fatal(err)
		}
		o, err := s.Open(t.Context(), "corrupt/"+name, key)
		if err == nil {
			_, err = io.Copy(io.Discard, o)
			o.Close()
		}
		if !errors.Is(err, objects.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func copied(t *testing.T, s store) {
	other, err := objects.Open(t.Context(), "file://"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	key, data := newKey(), noise(9<<20)
	w := s.put(t, "copied", key, data)
	for _, want := range [][]byte{w.StoredSHA256(), nil, w.StoredSHA256()} { // the second and third find it there
		if sum, err := s.Copy(t.Context(), "copied", other, want); err != nil || !bytes.Equal(sum, w.StoredSHA256()) {
			t.Errorf("copied %x (%v), want %x", sum, err, w.StoredSHA256())
		}
	}
	if err := s.Delete(t.Context(), "copied"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Copy(t.Context(), "copied", s.Bucket, w.StoredSHA256()); err != nil { // and back
		t.Fatal(err)
	}
	if got := s.get(t, "copied", key); !bytes.Equal(got, data) {
		t.Error("the copy differs")
	}
	if _, err := s.Copy(t.Context(), "copied", other, noise(32)); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("a hash that is not the object's: %v, want ErrCorrupt", err)
	}
}

// inParts writes and reads 100 MB as a stream.
func inParts(t *testing.T, s store) {
	const size = 100_000_000
	key, sent := newKey(), sha256.New()
	w, err := s.Create(t.Context(), "large", key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	source := io.LimitReader(mathrand.NewChaCha8([32]byte{7}), size)
	if _, err := io.Copy(io.MultiWriter(w, sent), source); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o, err := s.Open(t.Context(), "large", key)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	received := sha256.New()
	if n, err := io.Copy(received, o); err != nil || n != size || !bytes.Equal(received.Sum(nil), sent.Sum(nil)) {
		t.Errorf("%d bytes of %d come back, or others (%v)", n, size, err)
	}
}

func TestStore_Away_IsUnavailable(t *testing.T) {
	t.Parallel()
	server := objectstest.NewS3(t)
	bucket, err := objects.Open(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	server.Stop()
	w, err := bucket.Create(t.Context(), "a", newKey())
	if err == nil {
		defer w.Abort()
		if _, err = w.Write(noise(100)); err == nil {
			err = w.Close()
		}
	}
	if !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("writing: %v, want ErrUnavailable", err)
	}
	if _, err := bucket.Open(t.Context(), "a", newKey()); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("opening: %v, want ErrUnavailable", err)
	}
	if err := bucket.Delete(t.Context(), "a"); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("deleting: %v, want ErrUnavailable", err)
	}
}

func TestStore_DoesNotAnswerWrites_IsUnavailable(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	server := objectstest.NewS3(t)
	bucket, err := objects.Open(t.Context(), server.Through(strings.TrimPrefix(silent.URL, "http://"))+"&write_timeout=100ms")
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	const small, parts = 100, 40 << 20
	for _, size := range []int{small, parts} {
		w, err := bucket.Create(t.Context(), "a", newKey())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		if _, err = w.Write(noise(size)); err == nil {
			err = w.Close()
		}
		if !errors.Is(err, objects.ErrUnavailable) {
			t.Errorf("writing %d bytes: %v, want ErrUnavailable", size, err)
		}
		if _, err := bucket.Upload(t.Context(), "a", bytes.NewReader(noise(size))); !errors.Is(err, objects.ErrUnavailable) {
			t.Errorf("uploading %d bytes: %v, want ErrUnavailable", size, err)
		}
	}
	if err := bucket.Delete(t.Context(), "a"); !errors.Is(err, objects.ErrUnavailable) {
		t.Errorf("deleting: %v, want ErrUnavailable", err)
	}
}
