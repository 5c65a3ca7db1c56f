package s3_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"function/functions/datasets/datasetstest"
	"function/shared/objects"
	"function/shared/platformtest"
)

// BenchmarkGet reads the file of a version by S3, alternating with reading, decrypting and decompressing the same bytes from
// the same store. An "x-bare" of 1 is as fast as that.
func BenchmarkGet(b *testing.B) {
	const size = 128 << 20
	p := platformtest.New(b, mounted...)
	caller := p.Login("owner")
	d := datasetstest.Create(b, p, caller.Token, "benchmark")
	var csv strings.Builder
	csv.WriteString("id,day,amount\n")
	for i := 0; csv.Len() < size; i++ {
		fmt.Fprintf(&csv, "%d,2026-%02d-%02d,%d\n", i, i%12+1, i%28+1, i*2654435761%100000)
	}
	datasetstest.Upload(b, p, caller.Token, d.ID, "a.csv", csv.String()).Want(b, http.StatusCreated)
	datasetstest.Profile(b, p, 1)
	c := temporary(b, p, caller.Token, nil)
	bucket, err := objects.Open(b.Context(), "file://"+filepath.ToSlash(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer bucket.Close()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	w, err := bucket.Create(b.Context(), "bare", key)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(w, csv.String()); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(csv.Len()))
	var bare, ours time.Duration
	for b.Loop() {
		b.StopTimer()
		began := time.Now()
		o, err := bucket.Open(b.Context(), "bare", key)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{o}); err != nil {
			b.Fatal(err)
		}
		_ = o.Close()
		bare += time.Since(began)
		b.StartTimer()
		began = time.Now()
		out, err := c.GetObject(b.Context(), &awss3.GetObjectInput{Bucket: aws.String("benchmark"), Key: aws.String("latest/_source/file.csv")})
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, out.Body)
		if err != nil || n != int64(csv.Len()) {
			b.Fatal(n, err)
		}
		_ = out.Body.Close()
		ours += time.Since(began)
	}
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "x-bare")
}
