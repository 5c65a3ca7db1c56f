package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

const defaultMB = 1024

// upload measures the upload of a large CSV file, between two runs of the bare loop, and the
// platform's memory until the file can be queried.
func (b *bench) upload(ctx context.Context) error {
	length, err := uploadSize()
	if err != nil {
		return err
	}
	if err := b.running(ctx); err != nil {
		return err
	}
	source := b.path("orders.csv")
	rows, err := writeCSV(source, length)
	if err != nil {
		return err
	}
	defer os.Remove(source)
	progress("%s of CSV, %d rows", length, rows)

	d, err := b.user.create(ctx, "orders")
	if err != nil {
		return err
	}
	before, err := b.bare(source)
	if err != nil {
		return err
	}
	uploaded, err := timed(func() error { return b.user.upload(ctx, d.ID, source) })
	if err != nil {
		return err
	}
	progress("uploaded in %s", uploaded)
	profiled, err := timed(func() error { d, err = b.user.ready(ctx, d.ID); return err })
	if err != nil {
		return err
	}
	progress("ready in %s", profiled)
	if d.RowCount != rows {
		return fmt.Errorf("the data set has %d rows, the file %d", d.RowCount, rows)
	}
	peak, err := peakMemory(b.platform.cmd.Process.Pid)
	if err != nil {
		return err
	}
	after, err := b.bare(source)
	if err != nil {
		return err
	}
	progress("read, hash, compress, encrypt, write alone: %s, %s", before, after)

	speed, alone := rateOf(length, uploaded), rateOf(length, median([]duration{before, after}))
	what := fmt.Sprintf("upload of %s CSV", length)
	atLeast(&b.table, what, speed, rate(100e6))
	atLeastOf(&b.table, what, speed, alone, "read+SHA-256+zstd+AES-GCM+write alone", 0.5)
	atMost(&b.table, "peak memory, upload and profile", peak, size(512e6))
	note(&b.table, "from uploaded to ready", profiled)
	return nil
}

func uploadSize() (size, error) {
	text := os.Getenv("BENCH_MB")
	if text == "" {
		return defaultMB * 1e6, nil
	}
	megabytes, err := strconv.ParseInt(text, 10, 32)
	if err != nil || megabytes < 1 {
		return 0, fmt.Errorf("BENCH_MB %q is not a number of MB", text)
	}
	return size(megabytes * 1e6), nil
}

// block is how much the bare loop processes at a time.
const block = 1 << 20

// bare reads, hashes, compresses, encrypts and writes a file in one loop that does nothing else, as
// the peer of the platform's upload.
func (b *bench) bare(source string) (duration, error) {
	destination := b.path("bare")
	defer os.Remove(destination)
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(block), zstd.WithEncoderCRC(false))
	if err != nil {
		return 0, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	aes256, err := aes.NewCipher(key)
	if err != nil {
		return 0, err
	}
	gcm, err := cipher.NewGCM(aes256)
	if err != nil {
		return 0, err
	}
	return timed(func() error { return bareLoop(source, destination, compressor, gcm) })
}

func bareLoop(source, destination string, compressor *zstd.Encoder, gcm cipher.AEAD) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(destination)
	if err != nil {
		return err
	}
	defer out.Close()
	hash, nonce := sha256.New(), make([]byte, gcm.NonceSize())
	plain, packed, sealed := make([]byte, block), make([]byte, 0, 2*block), make([]byte, 0, 2*block)
	for i := uint64(0); ; i++ {
		n, err := io.ReadFull(in, plain)
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		hash.Write(plain[:n])
		packed = compressor.EncodeAll(plain[:n], packed[:0])
		binary.BigEndian.PutUint64(nonce, i)
		sealed = gcm.Seal(sealed[:0], nonce, packed, nil)
		if _, err := out.Write(sealed); err != nil {
			return err
		}
	}
}
