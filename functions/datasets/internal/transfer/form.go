// Package transfer receives files as the field of a form and serves them whole or in ranges. It
// gives up when the other side is idle for too long.
package transfer

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"os"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/datasets/internal/format"
	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/packed"
	"function/shared/ingest/reading"
)

// The fields of an upload's form, in their order.
const (
	readingField = "reading" // optional
	fileField    = "file"
)

// maxReading is the maximum size of the reading options in bytes.
const maxReading = 1 << 20

// MaxOverhead is more than a form that is not refused has beside its file; mime/multipart reads at most
// 10 MB of the headers of a part.
const MaxOverhead = 16 << 20

// readingSchema describes the reading options.
var readingSchema = func() *huma.Schema {
	schema := huma.SchemaFromType(huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer), reflect.TypeFor[reading.Options]())
	schema.Description = "How to read the file, before the field file. Whatever is absent is detected"
	return schema
}()

// FormBody describes the form. The schema is an extension because huma would otherwise read the
// whole body into memory.
var FormBody = &huma.RequestBody{
	Required: true,
	Content: map[string]*huma.MediaType{"multipart/form-data": {
		Encoding: map[string]*huma.Encoding{
			readingField: {ContentType: "application/json"},
			fileField:    {ContentType: "text/csv, application/json, application/x-ndjson, application/vnd.apache.parquet, application/avro, application/vnd.apache.orc, application/vnd.apache.arrow.stream, application/vnd.apache.arrow.file, application/gzip, application/zstd, application/zip"},
		},
		Extensions: map[string]any{"schema": &huma.Schema{
			Type: huma.TypeObject, Required: []string{fileField}, AdditionalProperties: false,
			Properties: map[string]*huma.Schema{readingField: readingSchema, fileField: {Type: huma.TypeString, Format: "binary", Description: "The file"}},
		}},
	}},
}

// DefaultUploadLimit is the maximum size of an uploaded file in bytes, unless the configuration
// sets another.
const DefaultUploadLimit = 50 << 30

// maxBoundary is the maximum length of a boundary (RFC 2046 §5.1.1).
const maxBoundary = 70

// readSize is the size of one read from the connection.
const readSize = 256 << 10

// TooLarge is the refusal of a file.
func TooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The file is larger than the limit of %d bytes", limit)
}

// File is the file of a multipart form. Its bytes have not arrived yet.
type File struct {
	format.File
	form  *multipart.Reader
	bytes *bufio.Reader
}

// Content is the size and the hash of a file that has arrived completely.
type Content struct {
	Size   int64
	SHA256 []byte
}

// OpenForm reads a multipart/form-data body (RFC 7578) up to the first bytes of its file and
// recognizes the file's format.
func OpenForm(contentType string, body io.Reader) (*File, error) {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != "multipart/form-data" {
		return nil, fault.New(fault.Unsupported, "Send the file as multipart/form-data, in a field named file")
	}
	boundary := parameters["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, fault.New(fault.Malformed, "The Content-Type multipart/form-data needs a boundary of 1 to %d characters", maxBoundary)
	}
	sentinel := strings.NewReader("\r\n--" + boundary + "\r\n" + sentinelHeader + ": yes\r\n\r\n")
	form := multipart.NewReader(io.MultiReader(bufio.NewReaderSize(body, readSize), sentinel), boundary)
	part, err := nextPart(form)
	if err != nil {
		return nil, err
	}
	var options reading.Options
	if part != nil && part.FormName() == readingField {
		if options, err = readOptions(part); err != nil {
			return nil, err
		}
		if part, err = nextPart(form); err != nil {
			return nil, err
		}
	}
	if part == nil {
		return nil, fault.At("body.file", "the form has no file: send the file in a field named file")
	}
	if part.FormName() != fileField {
		return nil, fault.At("body", onlyFields)
	}
	return openPart(form, part, options)
}

const onlyFields = "the form has an unknown or repeated field: send the field reading, if there are reading options, and then the field file"

func readOptions(part io.Reader) (reading.Options, error) {
	text, err := io.ReadAll(io.LimitReader(part, maxReading+1))
	if err != nil {
		return reading.Options{}, interrupted(err)
	}
	if len(text) > maxReading {
		return reading.Options{}, fault.At("body.reading", "the reading options are larger than %d bytes", maxReading)
	}
	return reading.Parse(text, "body.reading")
}

// sentinelHeader marks a part that is appended to every body and reached only when the end of the
// form is missing. mime/multipart does not report every place where a form can be cut off.
const sentinelHeader = "X-Unended"

// nextPart returns the next part of the form, or nil at its end.
func nextPart(form *multipart.Reader) (*multipart.Part, error) {
	part, err := form.NextPart()
	switch {
	case err == io.EOF:
		return nil, nil
	case err != nil:
		return nil, interrupted(err)
	case part.Header.Get(sentinelHeader) != "":
		return nil, interrupted(io.ErrUnexpectedEOF)
	}
	return part, nil
}

func openPart(form *multipart.Reader, part *multipart.Part, options reading.Options) (*File, error) {
	f := &File{form: form, bytes: bufio.NewReaderSize(part, packed.HeadSize)}
	head, err := f.bytes.Peek(format.HeadSize)
	if packed.Kind(head) != "" && err == nil {
		head, err = f.bytes.Peek(packed.HeadSize)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, interrupted(err)
	}
	if len(head) == 0 {
		return nil, fault.At("body.file", "the file is empty")
	}
	f.File, err = format.Of(head, part.Header.Get("Content-Type"), part.FileName(), options)
	return f, err
}

// CopyTo copies the file to w as it arrives, up to limit bytes, and then reads the end of the
// form. The file is complete only if the error is nil.
func (f *File) CopyTo(w io.Writer, limit int64) (Content, error) {
	hash, block := sha256.New(), make([]byte, readSize)
	var size int64
	var tail []byte
	for {
		n, err := f.bytes.Read(block)
		if size += int64(n); size > limit {
			return Content{}, TooLarge(limit)
		}
		hash.Write(block[:n])
		if _, err := w.Write(block[:n]); err != nil {
			return Content{}, err
		}
		tail = lastBytes(append(tail, lastBytes(block[:n])...))
		if err == io.EOF {
			break
		}
		if err != nil {
			return Content{}, interrupted(err)
		}
	}
	if f.Format == ingest.Parquet && f.Compression == "" && (size < 12 || !bytes.Equal(tail, []byte(format.ParquetMagic))) {
		return Content{}, fault.At("body.file", "the Parquet file is truncated: it does not end like a Parquet file")
	}
	more, err := nextPart(f.form)
	if err != nil {
		return Content{}, err
	}
	if more != nil {
		return Content{}, fault.At("body", "the form has a field after the file: send the reading options before it")
	}
	return Content{Size: size, SHA256: hash.Sum(nil)}, nil
}

func lastBytes(b []byte) []byte { return b[max(0, len(b)-len(format.ParquetMagic)):] }

// interrupted returns the error for a body that could not be read to its end.
func interrupted(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fault.New(fault.Malformed, "The upload stalled: no data arrived for too long")
	}
	return fault.New(fault.Malformed, "The form is damaged or incomplete: nothing was stored, send it again")
}
