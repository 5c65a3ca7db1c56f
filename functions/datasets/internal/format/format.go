// Package format recognizes the format of a file from its first bytes and its name, and returns
// the media type to send it as.
package format

import (
	"bytes"
	"mime"
	"path"
	"strings"

	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/arrowfile"
	"function/shared/ingest/avrofile"
	"function/shared/ingest/packed"
	"function/shared/ingest/textfile"
	"function/shared/orc"
)

// HeadSize is the number of bytes at the start of a file that Recognize needs.
const HeadSize = 512

// ParquetMagic begins and ends a Parquet file.
const ParquetMagic = "PAR1"

// hints maps media types and file name extensions to formats.
var hints = map[string]string{
	"text/csv": ingest.CSV, "text/tab-separated-values": ingest.CSV, ".csv": ingest.CSV, ".tsv": ingest.CSV, ".txt": ingest.CSV,
	"application/json": ingest.JSON, "application/x-ndjson": ingest.JSON, "application/jsonl": ingest.JSON,
	".json": ingest.JSON, ".jsonl": ingest.JSON, ".ndjson": ingest.JSON, ".geojson": ingest.JSON,
	"application/vnd.apache.parquet": ingest.Parquet, ".parquet": ingest.Parquet,
	"application/avro": ingest.Avro, "application/vnd.apache.avro": ingest.Avro, "avro/binary": ingest.Avro, ".avro": ingest.Avro,
	"application/vnd.apache.orc": ingest.ORC, "application/x-orc": ingest.ORC, ".orc": ingest.ORC,
	arrowStream: ingest.Arrow, arrowFile: ingest.Arrow, ".arrow": ingest.Arrow, ".arrows": ingest.Arrow, ".feather": ingest.Arrow, ".ipc": ingest.Arrow,
}

// Media types of Arrow.
const (
	arrowFile   = "application/vnd.apache.arrow.file"
	arrowStream = "application/vnd.apache.arrow.stream"
)

// compressions are the extensions of compressed files.
var compressions = map[string]bool{".gz": true, ".gzip": true, ".zst": true, ".zstd": true, ".zip": true, ".tar": true}

// Hint returns the format that the media type suggests or, failing that, the extension of the
// file name. It returns an empty string when neither is known.
func Hint(mediaType, fileName string) string {
	if format, ok := hints[mediaType]; ok {
		return format
	}
	fileName = strings.ToLower(fileName)
	if ext := path.Ext(fileName); compressions[ext] {
		fileName = strings.TrimSuffix(fileName, ext)
	}
	return hints[path.Ext(fileName)]
}

// unsupported lists binary formats that people try to upload, by their magic numbers.
var unsupported = []struct{ magic, sentence string }{
	{"\xd0\xcf\x11\xe0", "This is an Excel workbook: save the sheet as CSV (UTF-8)"},
	{"BZh", "This file is compressed with bzip2: upload it uncompressed, or compressed with gzip or zstd"},
	{"\xfd7zXZ", "This file is compressed with xz: upload it uncompressed, or compressed with gzip or zstd"},
	{"\x04\x22\x4d\x18", "This file is compressed with LZ4: upload it uncompressed, or compressed with gzip or zstd"},
	{"7z\xbc\xaf\x27\x1c", "This is a 7z archive: upload the file in it, or compress it with gzip or zstd"},
	{"Rar!", "This is a RAR archive: upload the file in it, or compress it with gzip or zstd"},
	{arrowfile.OldMagic, "This is a file in Feather v1, which is not supported: write it as Feather v2 or Parquet"},
	{"PARE", "This is a Parquet file with an encrypted footer, which is not supported: write it without encryption"},
}

// foreign lists text formats that people send by mistake, by how they begin in lower case.
var foreign = []struct{ start, sentence string }{
	{"<!doctype html", htmlSentence}, {"<html", htmlSentence}, {"<head", htmlSentence}, {"<body", htmlSentence}, {"<table", htmlSentence}, {"<script", htmlSentence},
	{"<?xml", xmlSentence}, {"<!doctype", xmlSentence}, {"<svg", xmlSentence}, {"<!--", xmlSentence},
	{"%pdf-", "This is a PDF document: upload its underlying data as CSV, JSON or Parquet"},
	{"{\\rtf", "This is an RTF document: save it as CSV (UTF-8)"},
}

const (
	htmlSentence = "This is an HTML page, such as a login page, and not the data itself: download the file again and check its content"
	xmlSentence  = "This is XML, which is not supported: convert it to CSV, JSON or Parquet"
)

// Recognize returns the format of a file from a hint and its first bytes, decoded to UTF-8 if
// they are text. Magic numbers count only where the bytes are not text, because a CSV file may
// begin with a column named PAR1 or ORC.
func Recognize(head []byte, hint string) (string, error) {
	if format := binary(head); format != "" && (format == hint || !isText(head)) {
		return format, nil
	}
	if !isText(head) {
		for _, u := range unsupported {
			if bytes.HasPrefix(head, []byte(u.magic)) {
				return "", fault.New(fault.Unsupported, "%s", u.sentence)
			}
		}
		return "", fault.New(fault.Unsupported, "This file is binary but not Parquet, Avro, ORC or Arrow: upload CSV, JSON, Parquet, Avro, ORC or Arrow")
	}
	begin := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"))
	for _, f := range foreign {
		if bytes.HasPrefix(begin, []byte(f.start)) {
			return "", fault.New(fault.Unsupported, "%s", f.sentence)
		}
	}
	switch {
	case hint == ingest.Parquet:
		return "", fault.At("body.file", "the file is declared or named as Parquet but does not begin like a Parquet file")
	case hint == ingest.Avro:
		return "", fault.At("body.file", "the file is declared or named as Avro but does not begin like an Avro file")
	case hint == ingest.ORC:
		return "", fault.At("body.file", "the file is declared or named as ORC but does not begin like an ORC file")
	case hint == ingest.Arrow:
		return "", fault.At("body.file", "the file is declared or named as Arrow but does not begin like an Arrow file or stream")
	case hint != "":
		return hint, nil
	case startsJSON(head):
		return ingest.JSON, nil
	}
	return ingest.CSV, nil
}

// magics lists the first bytes of the supported binary formats.
var magics = []struct{ magic, format string }{{ParquetMagic, ingest.Parquet}, {avrofile.Magic, ingest.Avro}, {orc.Magic, ingest.ORC},
	{arrowfile.FileMagic, ingest.Arrow}, {arrowfile.StreamMagic, ingest.Arrow}}

// binary returns the format whose magic number the head begins with, or an empty string.
func binary(head []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.format
		}
	}
	return ""
}

// startsJSON reports whether the first character is one that begins JSON and hardly any CSV.
func startsJSON(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	return len(head) > 0 && (head[0] == '[' || head[0] == '{')
}

// isText reports whether the bytes contain no control character that only binary files have. \x01
// to \x03 and \x1c to \x1f separate the fields of some text files.
func isText(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b\x01\x02\x03\x1c\x1d\x1e\x1f", r)
	})
}

// Readable decodes the head of a text file to UTF-8. The encoding comes from a byte order mark or
// from the declared charset. The head of a binary file stays as it is.
func Readable(head []byte, charset string) ([]byte, error) {
	if binary(head) != "" && !isText(head) {
		return head, nil
	}
	encoding, err := textfile.Encoding(head, charset)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "The charset %q is unknown: save the file as UTF-8", charset)
	}
	if encoding == nil {
		return head, nil
	}
	decoded := make([]byte, 4*len(head))
	n, _, _ := encoding.NewDecoder().Transform(decoded, head, false) // profiling reports undecodable text
	return decoded[:n], nil
}

// MediaType returns the media type to send a file as: the one registered with IANA, and for JSON
// lines the customary one. The head is the first bytes of the file.
func (f File) MediaType(head []byte) string {
	switch {
	case f.Compression != "":
		return "application/" + f.Compression
	case f.Format == ingest.Parquet:
		return "application/vnd.apache.parquet"
	case f.Format == ingest.Avro:
		return "application/avro"
	case f.Format == ingest.ORC:
		return "application/vnd.apache.orc"
	case f.Format == ingest.Arrow && bytes.HasPrefix(head, []byte(arrowfile.FileMagic)):
		return arrowFile
	case f.Format == ingest.Arrow:
		return arrowStream
	}
	charset := f.Reading.Encoding
	if textfile.IsUTF16(head) {
		charset = "utf-16"
	}
	if decoded, err := Readable(head, charset); err == nil {
		head = decoded
	}
	mediaType, parameters := "text/csv", map[string]string{}
	switch {
	case f.Format == ingest.JSON && f.Reading.Records == "" && bytes.HasPrefix(bytes.TrimLeft(head, "\ufeff \t\r\n"), []byte("{")):
		mediaType = "application/x-ndjson"
	case f.Format == ingest.JSON:
		mediaType = "application/json"
	case f.Reading.HeaderAbsent():
		parameters["header"] = "absent"
	}
	if charset != "" {
		parameters["charset"] = charset
	}
	return mime.FormatMediaType(mediaType, parameters)
}

// Extension returns the file name's extension without its dot, such as csv.gz.
func (f File) Extension() string {
	switch f.Compression {
	case packed.Gzip:
		return f.Format + ".gz"
	case packed.Zstd:
		return f.Format + ".zst"
	case packed.Zip:
		return f.Format + ".zip"
	case packed.Tar:
		return f.Format + ".tar"
	}
	return f.Format
}
