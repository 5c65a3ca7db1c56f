package objects_test

import (
	"bytes"
	"io"
	"runtime"
	"runtime/debug"
	"testing"
)

// repeated yields a block of noise, longer than a frame, repeatedly. Frames do not compress, which
// is the worst case for memory.
type repeated struct {
	block []byte
	at    int
	left  int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.left)], r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	r.left -= n
	return n, nil
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapInuse
}

// TestConstantMemory must have the process to itself, so it is not parallel. It collects garbage
// eagerly in order to measure memory in use.
func TestConstantMemory(t *testing.T) {
	const size, bound = 512 << 20, 16 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	bucket, _ := openBucket(t)
	key := newKey()
	source := &repeated{block: mixed(frameSize + 3), left: size}
	create(t, bucket, "warm", key, source.block)
	runtime.GC()
	before, peak := heapInUse(), uint64(0)

	w, err := bucket.Create(t.Context(), "org/large", key)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	buffer := make([]byte, frameSize)
	for {
		n, err := source.Read(buffer)
		if err == io.EOF {
			break
		}
		if _, err := w.Write(buffer[:n]); err != nil {
			t.Fatal(err)
		}
		peak = max(peak, heapInUse())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("write: heap grew by %d KiB", (peak-min(peak, before))>>10)
	if peak > before+bound {
		t.Errorf("writing grew the heap by %d MiB", (peak-before)>>20)
	}

	runtime.GC()
	before, peak = heapInUse(), 0
	object := open(t, bucket, "org/large", key)
	expected := &repeated{block: source.block, left: size}
	want := make([]byte, len(buffer))
	for offset := 0; offset < size; offset += len(buffer) {
		if _, err := io.ReadFull(object, buffer); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(expected, want); err != nil || !bytes.Equal(buffer, want) {
			t.Fatalf("wrong bytes at %d: %v", offset, err)
		}
		peak = max(peak, heapInUse())
	}
	t.Logf("read: heap grew by %d KiB", (peak-min(peak, before))>>10)
	if peak > before+bound {
		t.Errorf("reading grew the heap by %d MiB", (peak-before)>>20)
	}
}
