package objects_test

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"function/shared/objects"
)

const benchmarkSize = 256 << 20

// csvFile is a file of weather-like rows without repetition.
func csvFile(b *testing.B, size int64) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "weather.csv")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	w := bufio.NewWriterSize(f, 1<<20)
	day := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)
	for written := int64(0); written < size; {
		n, err := fmt.Fprintf(w, "%s,station-%d,%.1f,%.1f,%.1f,%.1f,%s\n",
			day.Format(time.DateOnly), random.IntN(5000), random.ExpFloat64()*3, 16+random.NormFloat64()*7,
			8+random.NormFloat64()*5, random.ExpFloat64()*3, []string{"rain", "sun", "fog", "drizzle", "snow"}[random.IntN(5)])
		if err != nil {
			b.Fatal(err)
		}
		day = day.AddDate(0, 0, 1)
		if day.Year() > 2030 {
			day = day.AddDate(-19, 0, 0)
		}
		written += int64(n)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// bareLoop reads, hashes, compresses, encrypts and writes, and does nothing else: one goroutine
// with the same primitives and sizes.
func bareLoop(b *testing.B, source, destination string) {
	b.Helper()
	in, err := os.Open(source)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(destination)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(frameSize), zstd.WithEncoderCRC(false))
	if err != nil {
		b.Fatal(err)
	}
	block, err := aes.NewCipher(newKey())
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	hash, nonce := sha256.New(), make([]byte, gcm.NonceSize())
	plain, compressed, sealed := make([]byte, frameSize), make([]byte, 0, 2*frameSize), make([]byte, 0, 2*frameSize)
	for frame := uint64(0); ; frame++ {
		n, err := io.ReadFull(in, plain)
		if err == io.EOF {
			break
		}
		hash.Write(plain[:n])
		compressed = enc.EncodeAll(plain[:n], compressed[:0])
		binary.BigEndian.PutUint64(nonce, frame)
		sealed = gcm.Seal(sealed[:0], nonce, compressed, nil)
		if _, err := out.Write(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreate stores a CSV file while hashing it, and compares the speed with the bare loop,
// run alternately: an "x-bare" of 2 is twice its speed. "cpu-x-bare" compares CPU time, which
// depends less on other load on the machine. Create syncs to disk; the bare loop does not.
func BenchmarkCreate(b *testing.B) {
	source := csvFile(b, benchmarkSize)
	bucket, dir := openBucket(b)
	b.SetBytes(benchmarkSize)
	var bare, ours usage
	var stored int64
	run := 0
	for b.Loop() {
		run++
		b.StopTimer()
		bare.add(func() { bareLoop(b, source, filepath.Join(dir, "bare")) })
		b.StartTimer()
		ours.add(func() { stored = storeHashed(b, bucket, source, fmt.Sprintf("org/object-%d", run)) })
	}
	b.ReportMetric(bare.wall.Seconds()/ours.wall.Seconds(), "x-bare")
	b.ReportMetric(bare.processor.Seconds()/ours.processor.Seconds(), "cpu-x-bare")
	b.ReportMetric(float64(stored)/benchmarkSize, "stored/plain")
}

// usage sums the durations of calls.
type usage struct{ wall, processor time.Duration }

func (u *usage) add(call func()) {
	var before, after syscall.Rusage
	start := time.Now()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	call()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	u.wall += time.Since(start)
	u.processor += time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
}

func storeHashed(b *testing.B, bucket *objects.Bucket, source, name string) int64 {
	b.Helper()
	in, err := os.Open(source)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	w, err := bucket.Create(b.Context(), name, benchmarkKey)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Abort()
	if _, err := io.CopyBuffer(io.MultiWriter(sha256.New(), w), struct{ io.Reader }{in}, make([]byte, 256<<10)); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return w.StoredBytes()
}

var benchmarkKey = newKey()

// BenchmarkCopy copies an object's plaintext to a file.
func BenchmarkCopy(b *testing.B) {
	bucket, dir := openBucket(b)
	storeHashed(b, bucket, csvFile(b, benchmarkSize), "org/object")
	b.SetBytes(benchmarkSize)
	for b.Loop() {
		object, err := bucket.Open(b.Context(), "org/object", benchmarkKey)
		if err != nil {
			b.Fatal(err)
		}
		out, err := os.Create(filepath.Join(dir, "copy"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(out, object); err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(object.Close(), out.Close()); err != nil {
			b.Fatal(err)
		}
	}
}
