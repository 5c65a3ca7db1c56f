// Package packed decompresses uploaded files: gzip (RFC 1952, also of several members), zstd (RFC 8878, also of several
// frames) and zip archives of one file. It also extracts tar archives of several files. Each is recognized by its first bytes.
package packed

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"function/shared/ingest/invalid"
)

// Names of the compressions.
const (
	Gzip = "gzip"
	Zstd = "zstd"
	Zip  = "zip"
	Tar  = "tar"
)

// HeadSize is the number of bytes at the start of a file with which Head can decompress the first bytes in it: a block of
// zstd has at most 128 KiB, and a header.
const HeadSize = 192 << 10

// maxWindow bounds the memory of zstd. It is the window of the highest level.
const maxWindow = 128 << 20

var zstdOptions = []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(invalid.MaxBytes)}

// Head returns the first bytes of the file in a compressed file, up to some number, and the file's name if it is in an
// archive. head is the start of the compressed file, of at most HeadSize bytes. If that does not tell, inner is empty. A
// file that cannot be decompressed gives an *invalid.Error.
func Head(head []byte, kind string, most int) (inner []byte, name string, err error) {
	var data io.Reader
	switch kind {
	case Zip:
		name, data, err = zipHead(head)
	case Tar:
		var h *tar.Header
		if h, data, err = next(tar.NewReader(bytes.NewReader(head))); err == nil {
			name = h.Name
		}
	default:
		data, err = stream(bytes.NewReader(head), kind)
	}
	if closer, ok := data.(io.Closer); ok && err == nil {
		defer closer.Close()
	}
	if err == nil && data != nil {
		inner = make([]byte, most)
		var n int
		n, err = io.ReadFull(data, inner)
		inner = inner[:n]
		if n > 0 || errors.Is(err, io.EOF) {
			err = nil // the rest may follow
		}
	}
	if err != nil && (len(head) < HeadSize || !errors.Is(err, io.ErrUnexpectedEOF)) {
		return nil, name, (&counter{}).fault(kind, err)
	}
	if nested := Kind(inner); nested != "" {
		return nil, name, twice(kind, nested)
	}
	return inner, name, nil
}

func twice(kind, nested string) error {
	return &invalid.Error{Detail: fmt.Sprintf("The %s file contains another compressed file (%s): compress the data only once.", kind, nested)}
}

// Kind returns the compression of a file by its first bytes, or an empty string.
func Kind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return Gzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), len(head) > 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte("\x2a\x4d\x18")):
		return Zstd // the latter is a skippable frame, with which pzstd begins
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return Zip
	case isTar(head):
		return Tar
	}
	return ""
}

// stream opens a compressed stream that is not an archive.
func stream(r io.Reader, kind string) (io.ReadCloser, error) {
	if kind == Gzip {
		return gzip.NewReader(r)
	}
	d, err := zstd.NewReader(r, zstdOptions...)
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// Extract writes the file in a compressed file, other than a tar archive, to a new file. It calls read with the compressed bytes read so far. A file
// that cannot be decompressed, or that expands too much, gives an *invalid.Error.
func Extract(ctx context.Context, from, to, kind string, read func(int64)) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return fmt.Errorf("find the uploaded file: %w", err)
	}
	in := &counter{file: source, ctx: ctx, read: read}
	var unpacked io.ReadCloser
	if kind == Zip {
		unpacked, err = member(in, info.Size())
	} else {
		unpacked, err = stream(in, kind)
	}
	if err != nil {
		return in.fault(kind, err)
	}
	defer unpacked.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a scratch file: %w", err)
	}
	defer target.Close()
	out := &bounded{w: target, in: in}
	if _, err := io.CopyBuffer(out, onlyReader{unpacked}, make([]byte, 256<<10)); err != nil {
		if out.err != nil {
			return out.err
		}
		return in.fault(kind, err)
	}
	if nested := Kind(out.head); nested != "" {
		return twice(kind, nested)
	}
	if err := target.Close(); err != nil {
		return fmt.Errorf("write a scratch file: %w", err)
	}
	return nil
}

type onlyReader struct{ io.Reader }

// counter counts the compressed bytes, and ends with the context.
type counter struct {
	file  *os.File
	ctx   context.Context
	read  func(int64)
	n     int64
	limit int64 // of n; 0: none
	err   error // of the disk
}

func (c *counter) Read(p []byte) (int, error) { return c.count(c.file.Read(p)) }

func (c *counter) ReadAt(p []byte, at int64) (int, error) { return c.count(c.file.ReadAt(p, at)) }

func (c *counter) count(n int, err error) (int, error) {
	if canceled := c.ctx.Err(); canceled != nil {
		c.err = canceled
		return 0, canceled
	}
	c.n += int64(n)
	c.read(c.n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	if c.limit > 0 && c.n > c.limit {
		return 0, errDirectory
	}
	return n, err
}

// fault says what is wrong with the compressed file, unless its disk failed.
func (c *counter) fault(kind string, err error) error {
	var known *invalid.Error
	switch {
	case c.err != nil:
		return fmt.Errorf("read the uploaded file: %w", c.err)
	case errors.As(err, &known):
		return known
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum), errors.Is(err, zstd.ErrCRCMismatch):
		return &invalid.Error{Detail: fmt.Sprintf("The %s file is damaged: its checksum does not match its content.", kind)}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &invalid.Error{Detail: fmt.Sprintf("The %s file is truncated: upload it again.", kind)}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &invalid.Error{Detail: fmt.Sprintf("The zstd file needs more than %d MiB of memory to decompress: compress it without --long.", maxWindow>>20)}
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return &invalid.Error{Detail: "The zstd file is compressed with a dictionary: compress it without one."}
	}
	return &invalid.Error{Detail: fmt.Sprintf("The %s file is damaged, or something follows its compressed data.", kind)}
}

// bounded refuses what expands too much.
type bounded struct {
	w    io.Writer
	in   *counter
	n    int64
	head []byte
	err  error
}

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.head) < 8 {
		b.head = append(b.head, p[:min(len(p), 8)]...)
	}
	b.n += int64(len(p))
	if b.err = invalid.Expands(b.in.n, b.n); b.err != nil {
		return 0, b.err
	}
	n, err := b.w.Write(p)
	if err != nil {
		b.err = fmt.Errorf("write a scratch file: %w", err)
	}
	return n, err
}

// ignored reports whether an entry of an archive is not a file of its author: a folder, or what macOS adds.
func ignored(name string) bool {
	return strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || name == ".DS_Store" || strings.HasSuffix(name, "/.DS_Store")
}
