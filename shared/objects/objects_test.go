package objects_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"function/shared/objects"
)

const frameSize = 1 << 20

func openBucket(t testing.TB) (bucket *objects.Bucket, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new", "bucket")
	bucket, err := objects.Open(t.Context(), "file://"+dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return bucket, dir
}

func newKey() []byte {
	key := make([]byte, objects.KeySize)
	rand.Read(key)
	return key
}

// mixed is part text, part noise, so that frames compress to uneven sizes.
func mixed(size int) []byte {
	random := mathrand.New(mathrand.NewPCG(1, uint64(size)))
	data := make([]byte, 0, size+4096)
	for len(data) < size {
		if random.IntN(2) == 0 {
			data = append(data, strings.Repeat("rain,641,", random.IntN(400))...)
			continue
		}
		for range random.IntN(400) {
			data = append(data, byte(random.Uint32()))
		}
	}
	return data[:size]
}

func create(t testing.TB, bucket *objects.Bucket, name string, key, data []byte) {
	t.Helper()
	w, err := bucket.Create(t.Context(), name, key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	stored, err := bucket.StoredBytes(t.Context(), name)
	if err != nil || stored != w.StoredBytes() {
		t.Fatalf("stored %d bytes (%v), the writer says %d", stored, err, w.StoredBytes())
	}
}

func open(t testing.TB, bucket *objects.Bucket, name string, key []byte) *objects.Object {
	t.Helper()
	object, err := bucket.Open(t.Context(), name, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { object.Close() })
	return object
}

// files lists every file under dir, temporary ones included.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	sizes := map[string]int{
		"empty": 0, "byte": 1, "package": 64 << 10, "frame-1": frameSize - 1, "frame": frameSize,
		"frame+1": frameSize + 1, "frames": 5*frameSize + 12345,
	}
	for label, size := range sizes {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			name := "org/dataset/1/" + strings.ReplaceAll(label, "+", "-plus-")
			key, data := newKey(), mixed(size)
			create(t, bucket, name, key, data)
			object := open(t, bucket, name, key)
			if object.Size() != int64(size) {
				t.Errorf("size %d, want %d", object.Size(), size)
			}
			var copied bytes.Buffer
			if n, err := io.Copy(&copied, object); err != nil || n != int64(size) {
				t.Fatalf("copied %d bytes: %v", n, err)
			}
			if !bytes.Equal(copied.Bytes(), data) {
				t.Error("copied bytes differ")
			}
			stored, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(stored, []byte("rain,641,")) {
				t.Error("plaintext on disk")
			}
		})
	}
}

func TestRealFile(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../testdata/airports.csv")
	if err != nil {
		t.Fatal(err)
	}
	bucket, dir := openBucket(t)
	key := newKey()
	create(t, bucket, "airports.csv", key, data)
	got, err := io.ReadAll(struct{ io.Reader }{open(t, bucket, "airports.csv", key)})
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d of %d bytes: %v", len(got), len(data), err)
	}
	if stored, _ := bucket.StoredBytes(t.Context(), "airports.csv"); stored*2 > int64(len(data)) {
		t.Errorf("%d bytes stored for %d bytes of CSV", stored, len(data))
	}
	if found := files(t, dir); len(found) != 1 {
		t.Errorf("side files: %q", found)
	}
}

func TestWriter_Aborted_LeavesNothing(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	for _, size := range []int{0, 10, 3*frameSize + 10} {
		w, err := bucket.Create(t.Context(), "org/aborted", newKey())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(mixed(size)); err != nil {
			t.Fatal(err)
		}
		if _, err := bucket.StoredBytes(t.Context(), "org/aborted"); !errors.Is(err, objects.ErrNotFound) {
			t.Errorf("half-written object: %v", err)
		}
		w.Abort()
		w.Abort()
		if _, err := w.Write([]byte("late")); !errors.Is(err, objects.ErrClosed) {
			t.Errorf("write after abort: %v", err)
		}
		if err := w.Close(); !errors.Is(err, objects.ErrClosed) {
			t.Errorf("close after abort: %v", err)
		}
	}
	if found := files(t, dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

func TestWriter_ContextCancelled_LeavesNothing(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	for _, size := range []int{10, 4 * frameSize} {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := bucket.Create(ctx, "org/cancelled", newKey())
		if err != nil {
			t.Fatal(err)
		}
		w.Write(mixed(size))
		cancel()
		if size > frameSize {
			for err == nil { // the writer notices within a few frames
				_, err = w.Write(mixed(frameSize))
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("write: %v", err)
			}
		}
		if err := w.Close(); !errors.Is(err, context.Canceled) {
			t.Errorf("close: %v", err)
		}
	}
	if found := files(t, dir); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}
}

func TestCreate_NameTaken_IsRefused(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	key := newKey()
	create(t, bucket, "org/once", key, []byte("first"))
	w, err := bucket.Create(t.Context(), "org/once", key)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, objects.ErrExists) {
		t.Errorf("second create: %v", err)
	}
	if _, err := bucket.Upload(t.Context(), "org/once", strings.NewReader("x")); !errors.Is(err, objects.ErrExists) {
		t.Errorf("upload: %v", err)
	}
	if got, err := io.ReadAll(open(t, bucket, "org/once", key)); string(got) != "first" {
		t.Errorf("read %q: %v", got, err)
	}
	if found := files(t, dir); len(found) != 1 {
		t.Errorf("files: %q", found)
	}
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			name, key, data := "org/writer-"+string(rune('a'+i)), newKey(), mixed(frameSize*2+i)
			create(t, bucket, name, key, data)
			if got, err := io.ReadAll(open(t, bucket, name, key)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: read %d of %d bytes: %v", name, len(got), len(data), err)
			}
		})
	}
	group.Wait()
}

func TestUploadAndDownload(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	data := mixed(300_000)
	if n, err := bucket.Upload(t.Context(), "org/raw", bytes.NewReader(data)); err != nil || n != int64(len(data)) {
		t.Fatalf("uploaded %d: %v", n, err)
	}
	var got bytes.Buffer
	if err := bucket.Download(t.Context(), "org/raw", &got); err != nil || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("downloaded %d of %d bytes: %v", got.Len(), len(data), err)
	}
	broken := io.MultiReader(bytes.NewReader(data), errReader{errors.New("client went away")})
	if _, err := bucket.Upload(t.Context(), "org/broken", broken); err == nil {
		t.Error("a source that fails was stored")
	}
	if found := files(t, dir); len(found) != 1 {
		t.Errorf("files: %q", found)
	}
}

type errReader struct{ error }

func (r errReader) Read([]byte) (int, error) { return 0, r.error }

func TestDelete(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	ctx, key := t.Context(), newKey()
	create(t, bucket, "org/gone", key, []byte("data"))
	for range 2 {
		if err := bucket.Delete(ctx, "org/gone"); err != nil {
			t.Error(err)
		}
	}
	if err := bucket.Delete(ctx, "no/such/directory"); err != nil {
		t.Error(err)
	}
	if _, err := bucket.Open(ctx, "org/gone", key); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := bucket.StoredBytes(ctx, "org/gone"); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
	if err := bucket.Download(ctx, "org/gone", io.Discard); !errors.Is(err, objects.ErrNotFound) {
		t.Errorf("download: %v", err)
	}
}

func TestInvalidNames(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	ctx, key := t.Context(), newKey()
	names := []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/..", "a/./b", ".hidden", "a/.b", "a\\b", "a\x00b",
		"a b", "ü", "a\n", "a.attrs", "a.0123456789abcdef.tmp", "a.tmp", "-a", "a-", strings.Repeat("a", 201), "a/" + strings.Repeat("b", 201), strings.Repeat("a/", 500) + "a",
	}
	for _, name := range names {
		_, create := bucket.Create(ctx, name, key)
		_, upload := bucket.Upload(ctx, name, strings.NewReader("x"))
		_, open := bucket.Open(ctx, name, key)
		_, stat := bucket.StoredBytes(ctx, name)
		for _, err := range []error{create, upload, open, stat, bucket.Delete(ctx, name), bucket.Download(ctx, name, io.Discard)} {
			if !errors.Is(err, objects.ErrName) {
				t.Errorf("name %q: %v", name, err)
			}
		}
	}
	if found := files(t, filepath.Dir(dir)); len(found) > 0 {
		t.Errorf("files: %q", found)
	}
}

func TestLongestName(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key, name := newKey(), strings.Repeat(strings.Repeat("a", 200)+"/", 4)+"Z_0=-.9"
	create(t, bucket, name, key, []byte("data"))
	open(t, bucket, name, key)
}

func TestKeySize(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	if _, err := bucket.Create(t.Context(), "a", make([]byte, 16)); err == nil {
		t.Error("created under a short key")
	}
	if found := files(t, dir); len(found) > 0 {
		t.Errorf("files: %q", found)
	}
	create(t, bucket, "a", newKey(), nil)
	if _, err := bucket.Open(t.Context(), "a", nil); err == nil {
		t.Error("opened without a key")
	}
}

func TestOpenBucketRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"", "no-scheme", "file:relative", "file://./relative", "file:///tmp?metadata=", "ftp://host/x", "s3://not-linked", "file://" + file, "\x7f:",
		"s3://bucket?write_timeout=60", "s3://bucket?write_timeout=-1s", "s3://bucket?read_timeout=0s",
	} {
		if bucket, err := objects.Open(t.Context(), url); err == nil {
			bucket.Close()
			t.Errorf("opened %q", url)
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	bucket, dir := openBucket(t)
	ctx, key := t.Context(), newKey()
	create(t, bucket, "org/kept", key, []byte("data"))
	dead, err := bucket.Create(ctx, "org/dead", key) // as if its process had been killed
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Abort()
	if n, err := bucket.Sweep(ctx, time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("swept %d young files: %v", n, err)
	}
	if n, err := bucket.Sweep(ctx, time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("swept %d files: %v", n, err)
	}
	if err := dead.Close(); err == nil {
		t.Error("a swept writer committed")
	}
	if found := files(t, dir); len(found) != 1 || found[0] != "org/kept" {
		t.Errorf("files: %q", found)
	}
}
