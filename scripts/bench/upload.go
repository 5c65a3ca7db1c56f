package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

const defaultMB = 1024

// upload measures a large CSV file: its upload and its download, each next to a bare loop, and the
// conversion to Parquet with the profile, next to DuckDB's own conversion; and the platform's memory.
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

	d, err := b.user.create(ctx, "orders", "local")
	if err != nil {
		return err
	}
	uploaded, err := timed(func() error { return b.user.upload(ctx, d.ID, "", source) })
	if err != nil {
		return err
	}
	progress("uploaded in %s", uploaded)
	prepared, err := timed(func() error { d, err = b.user.ready(ctx, d.ID); return err })
	if err != nil {
		return err
	}
	progress("ready in %s", prepared)
	if d.RowCount != rows {
		return fmt.Errorf("the data set has %d rows, the file %d", d.RowCount, rows)
	}
	downloaded, err := timed(func() error { return b.user.download(ctx, d.ID, int64(length)) })
	if err != nil {
		return err
	}
	progress("downloaded in %s", downloaded)
	peak, err := peakMemory(b.platform.cmd.Process.Pid)
	if err != nil {
		return err
	}
	sealed, opened, err := b.bare(source)
	if err != nil {
		return err
	}
	progress("read, hash, compress, encrypt, write alone: %s; back: %s", sealed, opened)
	converted, err := b.convert(ctx, source)
	if err != nil {
		return err
	}
	progress("converted by DuckDB in %s", converted)

	what := fmt.Sprintf("upload of %s CSV", length)
	atLeast(&b.table, what, rateOf(length, uploaded), rate(100e6))
	atLeastOf(&b.table, what, rateOf(length, uploaded), rateOf(length, sealed), "read+SHA-256+zstd+AES-GCM+write alone", 0.6)
	atLeastOf(&b.table, "its download", rateOf(length, downloaded), rateOf(length, opened), "read+AES-GCM+zstd alone", 0.6)
	atMostOf(&b.table, "its conversion to Parquet, with the profile", prepared, converted, "DuckDB's conversion", 1.25)
	atMost(&b.table, "peak memory of all functions in one process", peak, size(512e6))
	return nil
}

// convert converts a CSV file to Parquet with DuckDB, which has the memory that a function has.
func (b *bench) convert(ctx context.Context, source string) (duration, error) {
	destination := b.path("converted.parquet")
	defer os.Remove(destination)
	duck, err := sql.Open("duckdb", "")
	if err != nil {
		return 0, err
	}
	defer duck.Close()
	if _, err := duck.ExecContext(ctx, "SET memory_limit = '256MB'; SET threads = 2; SET temp_directory = "+quoted(b.dir)); err != nil {
		return 0, err
	}
	return timed(func() error {
		_, err := duck.ExecContext(ctx, fmt.Sprintf("COPY (FROM read_csv(%s)) TO %s (FORMAT parquet, COMPRESSION zstd)", quoted(source), quoted(destination)))
		return err
	})
}

func uploadSize() (size, error) {
	megabytes, err := number("BENCH_MB", defaultMB)
	return size(megabytes * 1e6), err
}

// number reads a positive number from the environment.
func number(name string, or int64) (int64, error) {
	text := os.Getenv(name)
	if text == "" {
		return or, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s %q is not a positive number", name, text)
	}
	return n, nil
}

// block is how much the bare loops process at a time.
const block = 1 << 20

// bare reads, hashes, compresses, encrypts and writes a file in one loop that does nothing else, and
// then reads, decrypts and decompresses the result, as the peers of the platform's upload and download.
func (b *bench) bare(source string) (sealed, opened duration, err error) {
	destination := b.path("bare")
	defer os.Remove(destination)
	key := make([]byte, 32)
	rand.Read(key)
	aes256, err := aes.NewCipher(key)
	if err != nil {
		return 0, 0, err
	}
	gcm, err := cipher.NewGCM(aes256)
	if err != nil {
		return 0, 0, err
	}
	if sealed, err = timed(func() error { return seal(source, destination, gcm) }); err != nil {
		return 0, 0, err
	}
	opened, err = timed(func() error { return open(destination, gcm) })
	return sealed, opened, err
}

func seal(source, destination string, gcm cipher.AEAD) error {
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(block), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
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
		if err := binary.Write(out, binary.BigEndian, uint32(len(sealed))); err != nil {
			return err
		}
		if _, err := out.Write(sealed); err != nil {
			return err
		}
	}
}

func open(source string, gcm cipher.AEAD) error {
	decompressor, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decompressor.Close()
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	nonce := make([]byte, gcm.NonceSize())
	sealed, packed, plain := make([]byte, 2*block), make([]byte, 0, 2*block), make([]byte, 0, block)
	for i := uint64(0); ; i++ {
		var length uint32
		err := binary.Read(in, binary.BigEndian, &length)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(in, sealed[:length]); err != nil {
			return err
		}
		binary.BigEndian.PutUint64(nonce, i)
		if packed, err = gcm.Open(packed[:0], nonce, sealed[:length], nil); err != nil {
			return err
		}
		if plain, err = decompressor.DecodeAll(packed, plain[:0]); err != nil {
			return err
		}
	}
}
