package objects_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	_ "gocloud.dev/blob/memblob" // a store other than the local one, by its blank import

	"function/shared/objects"
)

// ranges yields pairs offset, length: around every frame and package boundary,
// and at random.
func ranges(size int, random *mathrand.Rand) [][2]int {
	var found [][2]int
	for _, unit := range []int{64 << 10, frameSize} {
		for boundary := 0; boundary <= size; boundary += unit {
			offset := max(0, min(size, boundary-1+random.IntN(3)))
			found = append(found, [2]int{offset, random.IntN(3)}, [2]int{offset, min(size-offset, unit+random.IntN(3))})
		}
	}
	for range 300 {
		offset := random.IntN(size + 1)
		found = append(found, [2]int{offset, random.IntN(size - offset + 1)})
	}
	return found
}

func TestRanges(t *testing.T) {
	t.Parallel()
	local, _ := openBucket(t)
	memory, err := objects.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	for label, bucket := range map[string]*objects.Bucket{"file": local, "mem": memory} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			key, data := newKey(), mixed(4*frameSize+777)
			create(t, bucket, "org/ranges", key, data)
			object := open(t, bucket, "org/ranges", key)
			random := mathrand.New(mathrand.NewPCG(3, 4))
			for _, r := range ranges(len(data), random) {
				offset, length := r[0], r[1]
				want := data[offset:min(len(data), offset+length)]
				got := make([]byte, length)
				n, err := object.ReadAt(got, int64(offset))
				if err != nil && (err != io.EOF || offset+length <= len(data)) || !bytes.Equal(got[:n], want) {
					t.Fatalf("ReadAt(%d, %d) = %d, %v", offset, length, n, err)
				}
				if _, err := object.Seek(int64(offset), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				got, err = io.ReadAll(io.LimitReader(object, int64(length)))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("Seek(%d), read %d = %d bytes, %v", offset, length, len(got), err)
				}
			}
		})
	}
}

func TestReaderContract(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key, data := newKey(), mixed(frameSize+1000)
	create(t, bucket, "org/contract", key, data)
	object := open(t, bucket, "org/contract", key)
	if err := iotest.TestReader(struct{ io.ReadSeeker }{object}, data); err != nil {
		t.Error(err)
	}
	if _, err := object.Seek(-1, io.SeekStart); err == nil {
		t.Error("seek before the start")
	}
	if _, err := object.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the start")
	}
	if n, err := object.ReadAt(make([]byte, 1), object.Size()+1); n != 0 || err != io.EOF {
		t.Errorf("read past the end: %d, %v", n, err)
	}
	object.Close()
	if _, err := object.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("read after close")
	}
}

func TestConcurrentReadAt(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key, data := newKey(), mixed(4*frameSize)
	create(t, bucket, "org/shared", key, data)
	object := open(t, bucket, "org/shared", key)
	var group sync.WaitGroup
	for reader := range 4 {
		group.Go(func() {
			random := mathrand.New(mathrand.NewPCG(uint64(reader), 0))
			for range 50 {
				got := make([]byte, random.IntN(200_000))
				offset := random.IntN(len(data) - len(got))
				if _, err := object.ReadAt(got, int64(offset)); err != nil || !bytes.Equal(got, data[offset:offset+len(got)]) {
					t.Errorf("ReadAt(%d, %d): %v", offset, len(got), err)
				}
			}
		})
	}
	group.Wait()
}

// TestServeContent checks an Object behind net/http's range handling (RFC 9110).
func TestServeContent(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key, data := newKey(), mixed(3*frameSize)
	create(t, bucket, "org/served", key, data)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		object, err := bucket.Open(r.Context(), "org/served", key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer object.Close()
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Type", "text/csv")
		http.ServeContent(w, r, "", time.Time{}, object)
	}))
	t.Cleanup(server.Close)

	size := len(data)
	for _, test := range []struct {
		header, ifRange string
		status          int
		want            []byte
	}{
		{"", "", http.StatusOK, data},
		{"bytes=0-0", "", http.StatusPartialContent, data[:1]},
		{"bytes=65535-65536", "", http.StatusPartialContent, data[65535:65537]},
		{fmt.Sprintf("bytes=%d-", frameSize-1), "", http.StatusPartialContent, data[frameSize-1:]},
		{"bytes=-100", "", http.StatusPartialContent, data[size-100:]},
		{"bytes=0-9", `"v1"`, http.StatusPartialContent, data[:10]},
		{"bytes=0-9", `"v0"`, http.StatusOK, data},
		{fmt.Sprintf("bytes=%d-", size), "", http.StatusRequestedRangeNotSatisfiable, nil},
	} {
		response, body := get(t, server.URL, test.header, test.ifRange)
		if response.StatusCode != test.status || test.want != nil && !bytes.Equal(body, test.want) {
			t.Errorf("Range %q If-Range %q: status %d, %d bytes", test.header, test.ifRange, response.StatusCode, len(body))
		}
	}

	response, body := get(t, server.URL, "bytes=0-9,2000000-2000099,100-1999999", "")
	_, parameters, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || response.StatusCode != http.StatusPartialContent {
		t.Fatalf("multi-range: status %d, %v", response.StatusCode, err)
	}
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for _, want := range [][]byte{data[:10], data[2000000:2000100], data[100:2000000]} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, want) {
			t.Errorf("part %s: %d bytes, %v", part.Header.Get("Content-Range"), len(got), err)
		}
	}
}

func get(t *testing.T, url, byteRange, ifRange string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}
	if ifRange != "" {
		request.Header.Set("If-Range", ifRange)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

func TestOpen_WrongKey_IsCorrupt(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	create(t, bucket, "org/locked", newKey(), []byte("secret"))
	if _, err := bucket.Open(t.Context(), "org/locked", newKey()); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
}

// TestRead_DamagedObject_IsCorrupt flips, cuts and appends stored bytes. With any damage, reading
// everything returns ErrCorrupt, and the data before it is correct.
func TestRead_DamagedObject_IsCorrupt(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key, data := newKey(), mixed(2*frameSize)
	create(t, bucket, "org/intact", key, data)
	var stored bytes.Buffer
	if err := bucket.Download(t.Context(), "org/intact", &stored); err != nil {
		t.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(5, 6))
	const packageSize = 16 + 64<<10 + 16
	damaged := map[string][]byte{
		"empty": {}, "header": stored.Bytes()[:16], "package": stored.Bytes()[:packageSize],
		"packages": stored.Bytes()[:3*packageSize], "less-one": stored.Bytes()[:stored.Len()-1],
		"more-one": append(bytes.Clone(stored.Bytes()), 0),
		"doubled":  bytes.Repeat(stored.Bytes(), 2),
		"last-cut": stored.Bytes()[:(stored.Len()-1)/packageSize*packageSize],
	}
	for i := range 60 {
		flipped := bytes.Clone(stored.Bytes())
		flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(8)
		damaged[fmt.Sprintf("flip-%d", i)] = flipped
	}
	for i := range 16 { // every byte of an inner header
		flipped := bytes.Clone(stored.Bytes())
		flipped[packageSize+i] ^= 0x80
		damaged[fmt.Sprintf("header-%d", i)] = flipped
	}
	for label, content := range damaged {
		other, _ := openBucket(t) // the name is part of the key derivation
		if _, err := other.Upload(t.Context(), "org/intact", bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		object, err := other.Open(t.Context(), "org/intact", key)
		if err == nil {
			_, err = io.Copy(&got, object)
			object.Close()
		}
		if !errors.Is(err, objects.ErrCorrupt) {
			t.Errorf("%s: %v", label, err)
		}
		if !bytes.HasPrefix(data, got.Bytes()) {
			t.Errorf("%s: wrong bytes", label)
		}
	}
}

func TestRead_SwappedObject_IsCorrupt(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key := newKey()
	create(t, bucket, "org/version-1", key, []byte("first"))
	var stored bytes.Buffer
	if err := bucket.Download(t.Context(), "org/version-1", &stored); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Upload(t.Context(), "org/version-2", &stored); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Open(t.Context(), "org/version-2", key); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
}

// TestOpen_SmallObject_IsReadOnce: opening an object fetches its last 64 KiB at least.
func TestOpen_SmallObject_IsReadOnce(t *testing.T) {
	t.Parallel()
	bucket, _ := openBucket(t)
	key := newKey()
	create(t, bucket, "org/short-lived", key, []byte(strings.Repeat("x", 100)))
	object := open(t, bucket, "org/short-lived", key)
	if err := bucket.Delete(t.Context(), "org/short-lived"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(object); len(got) != 100 || err != nil {
		t.Errorf("read %d bytes: %v", len(got), err)
	}
}
