package upload_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"function/functions/datasets/datasetstest"
	"function/shared/platformtest"
)

const (
	benchmarkSize = 256 << 20
	frameSize     = 1 << 20
)

// BenchmarkUpload uploads a CSV file over HTTP, alternating with a baseline on the same machine
// that only reads, hashes (SHA-256), compresses (zstd), encrypts (AES-GCM) and writes in one
// goroutine. An "x-bare" of 1 is as fast as the baseline.
func BenchmarkUpload(b *testing.B) {
	p := platformtest.New(b, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(b, p, caller.Token, "benchmark")
	source := weather(b)
	head, tail, contentType := around(b)
	b.SetBytes(benchmarkSize)
	var bare, ours time.Duration
	for b.Loop() {
		b.StopTimer()
		bare += timed(func() { pipeline(b, source, filepath.Join(b.TempDir(), "bare")) })
		b.StartTimer()
		ours += timed(func() {
			file, err := os.Open(source)
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			body := io.MultiReader(strings.NewReader(head), file, strings.NewReader(tail))
			p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/upload", body, "Content-Type", contentType).Want(b, http.StatusCreated)
		})
	}
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "x-bare")
}

func timed(work func()) time.Duration {
	began := time.Now()
	work()
	return time.Since(began)
}

// around returns the parts of a form before and after the file.
func around(b *testing.B) (head, tail, contentType string) {
	b.Helper()
	body, contentType := datasetstest.Form(b, "file", "weather.csv", "text/csv", "|")
	head, tail, _ = strings.Cut(body, "|")
	return head, tail, contentType
}

// weather returns a CSV file whose rows do not repeat.
func weather(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "weather.csv")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	random, w := rand.New(rand.NewPCG(1, 2)), bufio.NewWriterSize(file, frameSize)
	day := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC)
	for left := benchmarkSize; left > 0; {
		row := fmt.Appendf(nil, "%s,%d,%.1f,%.1f,%s\n", day.AddDate(0, 0, random.IntN(7000)).Format(time.DateOnly), random.IntN(5000),
			random.ExpFloat64()*3, 16+random.NormFloat64()*7, []string{"rain", "sun", "fog", "drizzle", "snow"}[random.IntN(5)])
		n, err := w.Write(row[:min(left, len(row))])
		if err != nil {
			b.Fatal(err)
		}
		left -= n
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// pipeline runs the primitives alone.
func pipeline(b *testing.B, source, destination string) {
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
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(frameSize), zstd.WithEncoderCRC(false))
	if err != nil {
		b.Fatal(err)
	}
	block, err := aes.NewCipher(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	hash, nonce := sha256.New(), make([]byte, aead.NonceSize())
	plain, packed, sealed := make([]byte, frameSize), []byte{}, []byte{}
	for frame := 0; ; frame++ {
		n, err := io.ReadFull(in, plain)
		if err == io.EOF {
			return
		}
		hash.Write(plain[:n])
		packed = encoder.EncodeAll(plain[:n], packed[:0])
		nonce[0], nonce[1] = byte(frame), byte(frame>>8)
		sealed = aead.Seal(sealed[:0], nonce, packed, nil)
		if _, err := out.Write(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
