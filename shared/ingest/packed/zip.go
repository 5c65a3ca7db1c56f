package packed

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

const (
	maxDirectory = 4 << 20 // bytes read to find the file in an archive
	encrypted    = 1 << 0  // flag
	described    = 1 << 3  // flag: the sizes follow the data
	methodZstd   = zstd.ZipMethodWinZip
)

// ErrOffice is the error of an office document, which is an archive of several files.
var ErrOffice = &invalid.Error{Detail: "This is an Excel workbook or another office document: save the sheet as CSV (UTF-8)."}

var errDirectory = &invalid.Error{Detail: "The zip archive contains too many entries: upload a single file."}

// member opens the only file of an archive.
func member(in *counter, size int64) (io.ReadCloser, error) {
	in.limit = maxDirectory
	r, err := zip.NewReader(in, size)
	if errors.Is(err, zip.ErrFormat) {
		err = &invalid.Error{Detail: "The zip file is truncated or damaged: it has no valid directory at its end."}
	}
	if err != nil {
		return nil, err
	}
	var files []*zip.File
	for _, f := range r.File {
		if !ignored(f.Name) {
			files = append(files, f)
		}
	}
	if len(files) != 1 {
		return nil, &invalid.Error{Detail: fmt.Sprintf("The zip archive contains %d files, and must contain one: upload each file on its own.", len(files))}
	}
	f := files[0]
	if err := readable(f.Name, f.Flags, f.Method); err != nil {
		return nil, err
	}
	r.RegisterDecompressor(methodZstd, zstd.ZipDecompressor(zstdOptions...))
	opened, err := f.Open()
	in.limit, in.n = 0, 0 // the directory is not compressed data
	return opened, err
}

// readable refuses files that cannot be decompressed.
func readable(name string, flags, method uint16) error {
	switch {
	case name == "[Content_Types].xml", strings.HasPrefix(name, "_rels/"), strings.HasPrefix(name, "xl/"), name == "mimetype":
		return ErrOffice
	case flags&encrypted != 0:
		return &invalid.Error{Detail: "The zip archive is encrypted: upload it without a password."}
	case method != zip.Store && method != zip.Deflate && method != methodZstd:
		return &invalid.Error{Detail: fmt.Sprintf("The zip archive compresses %s by method %d: use deflate, the usual one.", fault.Excerpt(name), method)}
	}
	return nil
}

// zipHead reads the first file of an archive from the archive's first bytes (APPNOTE.TXT §4.3.7).
func zipHead(head []byte) (name string, data io.Reader, err error) {
	for len(head) >= 30 && bytes.HasPrefix(head, []byte("PK\x03\x04")) {
		field := func(at int) uint16 { return binary.LittleEndian.Uint16(head[at:]) }
		flags, method, size := field(6), field(8), int64(binary.LittleEndian.Uint32(head[18:]))
		from := 30 + int(field(26)) + int(field(28))
		if from > len(head) {
			break
		}
		name = string(head[30 : 30+field(26)])
		body := head[from:]
		if err := readable(name, flags, method); err != nil {
			return name, nil, err
		}
		if ignored(name) {
			if flags&described != 0 || size > int64(len(body)) {
				break // the rest is not known yet
			}
			head = body[size:]
			continue
		}
		if flags&described == 0 && size < int64(len(body)) { // 0xffffffff in zip64 is larger
			body = body[:size]
		}
		switch method {
		case zip.Deflate:
			data = flate.NewReader(bytes.NewReader(body))
		case methodZstd:
			data, err = stream(bytes.NewReader(body), Zstd)
		default:
			data = bytes.NewReader(body)
		}
		return name, data, err
	}
	return "", nil, nil
}
