package ingest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/packed"
)

func gzipped(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, part)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func zstded(t *testing.T, parts ...string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, part := range parts {
		b = w.EncodeAll([]byte(part), b)
	}
	return string(b)
}

type entry struct {
	name, content string
	method        uint16
	raw           bool // sizes in the header, none after the data
}

func zipped(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: e.method}
		create := w.CreateHeader
		if e.raw {
			header.CompressedSize64, header.UncompressedSize64 = uint64(len(e.content)), uint64(len(e.content))
			header.CRC32 = crc32.ChecksumIEEE([]byte(e.content))
			create = w.CreateRaw
		}
		f, err := create(header)
		if err == nil {
			_, err = io.WriteString(f, e.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// skippable is a frame that zstd readers skip.
const skippable = "\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"

func TestPrepare_CompressedFile_IsReadLikeTheFileInIt(t *testing.T) {
	t.Parallel()
	first, _ := prepare(t, ingest.Source{Path: file(t, "a,b\n1,x\n2,y\n"), Format: ingest.CSV})
	parquet, err := os.ReadFile(first.Paths[0])
	if err != nil {
		t.Fatal(err)
	}
	avro, err := os.ReadFile("testdata/avro/decimal-bytes.avro")
	if err != nil {
		t.Fatal(err)
	}
	const csv, rows = "a,b\n1,x\n2,y\n", `[[1,"x"],[2,"y"]]`
	for name, test := range map[string]struct{ kind, format, content, rows string }{
		"gzip":                         {packed.Gzip, ingest.CSV, gzipped(t, csv), rows},
		"gzip of two members":          {packed.Gzip, ingest.CSV, gzipped(t, csv[:5], csv[5:]), rows},
		"gzip of UTF-16":               {packed.Gzip, ingest.CSV, gzipped(t, "\xff\xfea\x00\n\x001\x00"), `[[1]]`},
		"gzip of JSON":                 {packed.Gzip, ingest.JSON, gzipped(t, `[{"a":1,"b":"x"}]`), `[[1,"x"]]`},
		"gzip of Parquet":              {packed.Gzip, ingest.Parquet, gzipped(t, string(parquet)), rows},
		"zstd":                         {packed.Zstd, ingest.CSV, zstded(t, csv), rows},
		"zstd of two frames":           {packed.Zstd, ingest.CSV, zstded(t, csv[:5], csv[5:]), rows},
		"zstd with skippable frames":   {packed.Zstd, ingest.CSV, skippable + zstded(t, csv[:5]) + skippable + zstded(t, csv[5:]), rows},
		"zstd of Avro":                 {packed.Zstd, ingest.Avro, zstded(t, string(avro)), ""},
		"zip with a data descriptor":   {packed.Zip, ingest.CSV, zipped(t, entry{"a.csv", csv, zip.Deflate, false}), rows},
		"zip without compression":      {packed.Zip, ingest.CSV, zipped(t, entry{"a.csv", csv, zip.Store, true}), rows},
		"zip with zstd":                {packed.Zip, ingest.CSV, zipped(t, entry{"a.csv", csv, zstd.ZipMethodWinZip, false}), rows},
		"zip with folders and macOS":   {packed.Zip, ingest.CSV, zipped(t, entry{"d/", "", zip.Store, true}, entry{"d/a.csv", csv, zip.Deflate, false}, entry{"__MACOSX/d/._a.csv", "x", zip.Deflate, false}), rows},
		"zip of Parquet":               {packed.Zip, ingest.Parquet, zipped(t, entry{"a.parquet", string(parquet), zip.Deflate, false}), rows},
		"small and very repetitive":    {packed.Gzip, ingest.CSV, gzipped(t, "a\n"+strings.Repeat("0\n", 3<<20)), ""},
		"zip with something before it": {packed.Zip, ingest.CSV, "PK\x03\x04 something else" + zipped(t, entry{"a.csv", csv, zip.Deflate, false}), rows},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := packed.Kind([]byte(test.content)); got != test.kind {
				t.Errorf("recognized as %q, want %q", got, test.kind)
			}
			table, profile := prepare(t, ingest.Source{Path: file(t, test.content), Format: test.format, Compression: test.kind})
			if profile.Detected.Compression != test.kind {
				t.Errorf("detected %+v", profile.Detected)
			}
			if test.rows == "" {
				return
			}
			if _, got := ask(t, table, "FROM t"); got != test.rows {
				t.Errorf("rows %s, want %s", got, test.rows)
			}
		})
	}
}

func TestPrepare_BadCompressedFile_IsRefused(t *testing.T) {
	t.Parallel()
	const csv = "a,b\n1,x\n2,y\n"
	whole, frame := gzipped(t, csv), zstded(t, csv)
	archive := zipped(t, entry{"a.csv", csv, zip.Store, true})
	secret := []byte(archive)
	secret[6] |= 1
	secret[strings.Index(archive, "PK\x01\x02")+8] |= 1
	zeros := strings.Repeat("0\n", 32<<20)
	for name, test := range map[string]struct{ kind, content, want string }{
		"gzip cut in its data":     {packed.Gzip, whole[:15], "The gzip file is truncated: upload it again."},
		"gzip cut in its end":      {packed.Gzip, whole[:len(whole)-1], "The gzip file is truncated: upload it again."},
		"gzip cut in its header":   {packed.Gzip, whole[:5], "The gzip file is truncated: upload it again."},
		"gzip with a wrong sum":    {packed.Gzip, whole[:len(whole)-8] + "abcd" + whole[len(whole)-4:], "The gzip file is damaged: its checksum does not match its content."},
		"gzip with a tail":         {packed.Gzip, whole + "tail of ten", "The gzip file is damaged, or something follows its compressed data."},
		"gzip in gzip":             {packed.Gzip, gzipped(t, whole), "The gzip file contains another compressed file (gzip): compress the data only once."},
		"gzip of nothing":          {packed.Gzip, gzipped(t, ""), "The file is empty."},
		"gzip bomb":                {packed.Gzip, gzipped(t, zeros), "The file decompresses to more than 250 times its compressed size, as only bombs and very repetitive files do: write it without compression."},
		"zstd cut":                 {packed.Zstd, frame[:len(frame)-3], "The zstd file is truncated: upload it again."},
		"zstd with a wrong sum":    {packed.Zstd, frame[:len(frame)-4] + "abcd", "The zstd file is damaged: its checksum does not match its content."},
		"zstd with a tail":         {packed.Zstd, frame + "tail of ten", "The zstd file is damaged, or something follows its compressed data."},
		"zstd bomb":                {packed.Zstd, zstded(t, zeros), "The file decompresses to more than 250 times its compressed size, as only bombs and very repetitive files do: write it without compression."},
		"zip cut":                  {packed.Zip, archive[:len(archive)-4], "The zip file is truncated or damaged: it has no valid directory at its end."},
		"zip with a wrong sum":     {packed.Zip, strings.Replace(archive, "1,x", "9,x", 1), "The zip file is damaged: its checksum does not match its content."},
		"zip of two files":         {packed.Zip, zipped(t, entry{"a.csv", csv, zip.Store, true}, entry{"b.csv", csv, zip.Store, true}), "The zip archive contains 2 files, and must contain one: upload each file on its own."},
		"zip of nothing":           {packed.Zip, zipped(t), "The zip archive contains 0 files, and must contain one: upload each file on its own."},
		"zip with a password":      {packed.Zip, string(secret), "The zip archive is encrypted: upload it without a password."},
		"zip in zip":               {packed.Zip, zipped(t, entry{"a.zip", archive, zip.Store, true}), "The zip file contains another compressed file (zip): compress the data only once."},
		"zip of an unknown method": {packed.Zip, zipped(t, entry{"a.csv", csv, 14, true}), `The zip archive compresses "a.csv" by method 14: use deflate, the usual one.`},
		"zip bomb":                 {packed.Zip, zipped(t, entry{"a.csv", zeros, zip.Deflate, false}), "The file decompresses to more than 250 times its compressed size, as only bombs and very repetitive files do: write it without compression."},
		"zip of many folders":      {packed.Zip, zipped(t, folders(60_000)...), "The zip archive contains too many entries: upload a single file."},
		"an Excel workbook":        {packed.Zip, zipped(t, entry{"[Content_Types].xml", "<", zip.Deflate, false}), "This is an Excel workbook or another office document: save the sheet as CSV (UTF-8)."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scratch := t.TempDir()
			src := ingest.Source{Path: file(t, test.content), Format: ingest.CSV, Compression: test.kind}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: scratch})
			var refused *invalid.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, refused.Detail); diff != "" {
				t.Error(diff)
			}
			if left, _ := os.ReadDir(scratch); len(left) > 0 {
				t.Errorf("%d entries are left in the scratch directory", len(left))
			}
		})
	}
}

func folders(n int) []entry {
	list := make([]entry, n)
	for i := range list {
		list[i] = entry{strings.Repeat("d", 40) + "/", "", zip.Store, true}
	}
	return list
}
