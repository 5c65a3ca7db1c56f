package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"testing"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/minio/sio"
)

var testKey = bytes.Repeat([]byte{7}, KeySize)

// sealBytes returns the sealed form of a stream.
func sealBytes(t testing.TB, name string, stream []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := seal(&sealed, name, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(stream); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return sealed.Bytes()
}

// store is a server of range requests that counts them and the bytes that they ask for.
type store struct {
	content  []byte
	requests int
	asked    int
}

func (s *store) fetch(offset, length int64) (io.ReadCloser, error) {
	s.requests++
	part := s.content[offset:]
	if length >= 0 {
		part = part[:length]
	}
	s.asked += len(part)
	return io.NopCloser(bytes.NewReader(part)), nil
}

func noise(size int) []byte {
	random := mathrand.New(mathrand.NewPCG(7, 8))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestFewRequests(t *testing.T) {
	t.Parallel()
	stream := noise(40*payloadSize + 100)
	s := &store{content: sealBytes(t, "a", stream)}
	plain, err := unseal(s.fetch, int64(len(s.content)), "a", testKey)
	if err != nil {
		t.Fatal(err)
	}
	read := func(offset, length, requests int) {
		t.Helper()
		before, got := s.requests, make([]byte, length)
		if _, err := plain.ReadAt(got, int64(offset)); err != nil || !bytes.Equal(got, stream[offset:offset+length]) {
			t.Fatalf("ReadAt(%d, %d): %v", offset, length, err)
		}
		if made := s.requests - before; made != requests {
			t.Errorf("ReadAt(%d, %d) made %d requests, want %d", offset, length, made, requests)
		}
	}
	if s.requests != 1 {
		t.Errorf("opening made %d requests", s.requests)
	}
	read(len(stream)-9, 9, 0)
	read(len(stream)-payloadSize, payloadSize, 0)
	read(0, 1000, 1)
	for offset := 1000; offset+100_000 < len(stream); offset += 100_000 {
		read(offset, 100_000, 0)
	}
	read(10, 100, 1)
	read(500_000, 100, 0) // a gap that is read through
	read(2_000_000, 100, 1)
}

// rewriteNonce changes the package at position from so that DARE 2.0 alone accepts it at position
// to.
func rewriteNonce(p []byte, from, to uint32) []byte {
	p = bytes.Clone(p)
	counter := p[headerSize-4 : headerSize]
	binary.LittleEndian.PutUint32(counter, binary.LittleEndian.Uint32(counter)^from^to)
	return p
}

func packages(sealed []byte) [][]byte {
	var all [][]byte
	for len(sealed) > 0 {
		n := min(len(sealed), packageSize)
		all, sealed = append(all, sealed[:n]), sealed[n:]
	}
	return all
}

// TestRead_RewrittenNonces_IsCorrupt swaps packages and cuts off the end in ways that DARE 2.0
// alone does not detect.
func TestRead_RewrittenNonces_IsCorrupt(t *testing.T) {
	t.Parallel()
	stream := noise(7*payloadSize + 100)
	sealed := sealBytes(t, "a", stream)
	all := packages(sealed)

	t.Run("permuted and truncated", func(t *testing.T) {
		t.Parallel()
		short := packages(sealBytes(t, "a", stream[:3*payloadSize+100]))
		forged := bytes.Join([][]byte{
			rewriteNonce(short[1], 1, 0), rewriteNonce(short[0], 0, 1), rewriteNonce(short[3], 3, 2),
		}, nil)
		config, err := streamConfig("a", testKey, nonceOf(short[0]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sio.Decrypt(io.Discard, bytes.NewReader(forged), config); err != nil {
			t.Fatalf("the forgery is not the one meant: %v", err)
		}
		s := &store{content: forged}
		if _, err := unseal(s.fetch, int64(len(forged)), "a", testKey); !errors.Is(err, ErrCorrupt) {
			t.Errorf("opened: %v", err)
		}
	})
	t.Run("swapped", func(t *testing.T) {
		t.Parallel()
		swapped := bytes.Join([][]byte{
			all[0], rewriteNonce(all[2], 2, 1), rewriteNonce(all[1], 1, 2), all[3], all[4], all[5], all[6], all[7],
		}, nil)
		s := &store{content: swapped}
		plain, err := unseal(s.fetch, int64(len(swapped)), "a", testKey)
		if err != nil {
			t.Fatal(err) // the end is intact
		}
		for _, position := range []int64{1, 2} {
			p := make([]byte, 100)
			if _, err := plain.ReadAt(p, position*payloadSize); !errors.Is(err, ErrCorrupt) {
				t.Errorf("package %d: %v", position, err)
			}
		}
	})
}

// TestRead_BrokenConnection_IsNotCorrupt checks that a broken connection is not reported as a
// damaged object.
func TestRead_BrokenConnection_IsNotCorrupt(t *testing.T) {
	t.Parallel()
	sealed := sealBytes(t, "a", noise(8*payloadSize))
	s := &store{content: sealed}
	plain, err := unseal(s.fetch, int64(len(sealed)), "a", testKey)
	if err != nil {
		t.Fatal(err)
	}
	plain.fetch = func(offset, _ int64) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(sealed[offset:packageSize+10]), brokenConnection{})), nil
	}
	_, err = plain.ReadAt(make([]byte, 2*payloadSize), 0)
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrCorrupt) {
		t.Errorf("read: %v", err)
	}
	plain.fetch = s.fetch
	if _, err := plain.ReadAt(make([]byte, 2*payloadSize), 0); err != nil {
		t.Errorf("second attempt: %v", err)
	}
}

type brokenConnection struct{}

func (brokenConnection) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestFailingStore fills a compressor whose destination fails.
func TestFailingStore(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	c, err := newCompressor(t.Context(), failing{full})
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{upload: &upload{name: "a"}, stream: c}
	for err == nil {
		_, err = w.Write(make([]byte, 100_000))
	}
	if !errors.Is(err, full) {
		t.Errorf("write: %v", err)
	}
	if err := c.finish(); !errors.Is(err, full) {
		t.Errorf("finish: %v", err)
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }
func (f failing) Close() error              { return nil }

func compressed(t testing.TB, data []byte) []byte {
	t.Helper()
	enc, err := encoder()
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	w, err := seekable.NewWriter(&stream, enc)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(len(data), 1000)
		if _, err := w.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return stream.Bytes()
}

// readSealed opens and reads stored data, up to a limit.
func readSealed(sealed []byte) ([]byte, error) {
	s := &store{content: sealed}
	plain, err := unseal(s.fetch, int64(len(sealed)), "a", testKey)
	if err != nil {
		return nil, err
	}
	object, err := newObject("a", plain)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	var got bytes.Buffer
	_, err = io.CopyN(&got, object, 1<<20)
	if err == io.EOF {
		err = nil
	}
	return got.Bytes(), err
}

// FuzzStored reads damaged ciphertext, which must yield an error or the original.
func FuzzStored(f *testing.F) {
	data := bytes.Repeat([]byte("2012-01-01,drizzle,0.0,12.8\n"), 200)
	sealed := sealBytes(f, "a", compressed(f, data))
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Add([]byte{})
	f.Add(make([]byte, headerSize+1))
	f.Fuzz(func(t *testing.T, stored []byte) {
		got, err := readSealed(stored)
		if err == nil && !bytes.Equal(got, data) {
			t.Errorf("read %d wrong bytes", len(got))
		}
	})
}

// FuzzStream seals a damaged compressed stream, as a holder of the key could.
func FuzzStream(f *testing.F) {
	stream := compressed(f, bytes.Repeat([]byte("2012-01-01,drizzle,0.0,12.8\n"), 200))
	f.Add(stream)
	f.Add(compressed(f, nil))
	for _, at := range []int{len(stream) - 9, len(stream) - 20, len(stream) - 60, 5} {
		damaged := bytes.Clone(stream)
		damaged[at] = 0xff
		f.Add(damaged)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) == 0 {
			return
		}
		readSealed(sealBytes(t, "a", stream)) // must neither panic nor run forever
	})
}
