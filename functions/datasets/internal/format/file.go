package format

import (
	"errors"
	"mime"
	"strings"

	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/packed"
	"function/shared/ingest/reading"
)

// File says how an uploaded file is to be read.
type File struct {
	Format      string
	Compression string // of package packed; empty: none
	Reading     reading.Options
}

// Of recognizes a file by its first bytes, media type and name. head has HeadSize bytes, or packed.HeadSize if the file is
// compressed; fewer if the file is shorter. The parameters header and charset of the media type (RFC 4180 §3) are options
// like those of given.
func Of(head []byte, contentType, fileName string, given reading.Options) (File, error) {
	f := File{Compression: packed.Kind(head), Reading: given}
	mediaType, parameters, _ := mime.ParseMediaType(contentType)
	hint := Hint(mediaType, fileName)
	if f.Compression != "" && !isText(head) {
		var name string
		var err error
		if head, name, err = unpack(head, f.Compression); err != nil {
			return f, err
		}
		if inner := Hint("", name); inner != "" {
			hint = inner
		}
	} else {
		f.Compression = ""
	}
	if given.Format != "" {
		hint = given.Format
	}
	charset := strings.ToLower(parameters["charset"])
	if given.Encoding != "" {
		if charset != "" && !strings.EqualFold(charset, given.Encoding) {
			return f, fault.At("body.reading.encoding", "the file's Content-Type declares another charset: give one of the two")
		}
		charset = given.Encoding
	}
	if head == nil && hint == "" {
		return f, fault.At("body.file", "the start of this archive does not tell the format of the file in it: name it by the reading option format")
	}
	if err := f.recognize(head, hint, charset); err != nil {
		return f, err
	}
	if f.Compression == packed.Tar && f.Format != ingest.Parquet {
		return f, fault.At("body.file", "a tar archive can hold the Parquet files of one table, but this one holds %s: upload that file by itself, compressed with gzip or zstd if you like", f.Format)
	}
	if err := f.parameters(parameters["header"], charset); err != nil {
		return f, err
	}
	return f, f.Reading.For(f.Format, "body.reading")
}

// unpack returns the first bytes of the file in a compressed file; nil if they do not tell.
func unpack(head []byte, compression string) (inner []byte, name string, err error) {
	inner, name, err = packed.Head(head, compression, HeadSize)
	var refused *invalid.Error
	switch {
	case errors.Is(err, packed.ErrOffice):
		return nil, name, fault.New(fault.Unsupported, "%s", packed.ErrOffice.Detail)
	case errors.As(err, &refused):
		return nil, name, fault.At("body.file", "%s", refused.Detail)
	case err == nil && inner != nil && len(inner) == 0 && len(head) < packed.HeadSize:
		return nil, name, fault.At("body.file", "the file is empty")
	}
	return inner, name, err
}

func (f *File) recognize(head []byte, hint, charset string) error {
	decoded, err := Readable(head, charset)
	if err != nil {
		return err
	}
	if f.Format = hint; head != nil {
		if f.Format, err = Recognize(decoded, hint); err != nil {
			return err
		}
	}
	if given := f.Reading.Format; given != "" && given != f.Format {
		return fault.At("body.reading.format", "the content of the file is %s, not %s", f.Format, given)
	}
	return nil
}

// parameters adds the parameters of the media type to the options of a text file.
func (f *File) parameters(header, charset string) error {
	if f.Format == ingest.CSV || f.Format == ingest.JSON {
		f.Reading.Encoding = charset
	}
	switch {
	case header == "":
	case header != "present" && header != "absent":
		return fault.At("body.file", "the header parameter of text/csv must be present or absent (RFC 4180)")
	case f.Reading.Header != "" && f.Reading.Header != header:
		return fault.At("body.reading.header", "the file's Content-Type says the opposite: give one of the two")
	case f.Format == ingest.CSV:
		f.Reading.Header = header
	}
	return nil
}
