package ingest_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"function/shared/engine"
	"function/shared/ingest"
	"function/shared/ingest/packed"
)

// member is an entry of a tar archive: a Parquet file with the rows of a query, unless it says otherwise.
type member struct {
	name, query string
	content     string
	kind        byte
}

func archive(t *testing.T, members ...member) string {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		content := []byte(m.content)
		if m.query != "" {
			path := filepath.Join(t.TempDir(), "m.parquet")
			if err := s.Exec(t.Context(), "COPY ("+m.query+") TO "+engine.Literal(path)+" (FORMAT parquet)"); err != nil {
				t.Fatal(err)
			}
			if content, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: m.kind, Name: m.name, Linkname: "x", Size: int64(len(content)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func folder(t *testing.T, content string) ingest.Source {
	t.Helper()
	return ingest.Source{Path: file(t, content), Format: ingest.Parquet, Compression: packed.Tar}
}

func TestFolder_FilesOfOneTable_AreOneTable(t *testing.T) {
	t.Parallel()
	content := archive(t,
		member{name: "out/", kind: tar.TypeDir},
		member{name: "out/_SUCCESS", kind: tar.TypeReg},
		member{name: "out/.part-0.parquet.crc", kind: tar.TypeReg, content: "crc"},
		member{name: "out/part-0.parquet", kind: tar.TypeReg, query: "SELECT 1 AS a, 'x' AS b, TIMESTAMP_NS '2024-01-01 00:00:00.000000001' AS c"},
		member{name: "./out/part-1.parquet", kind: tar.TypeReg, query: "SELECT NULL::TIMESTAMP_NS AS c, 'y' AS b, 2 AS a WHERE false"},
		member{name: "out/part-2.parquet", kind: tar.TypeReg, query: "SELECT 'z' AS b, i::INTEGER AS a, NULL::TIMESTAMP_NS AS c FROM range(2, 4) t(i)"},
	)
	table, profile := prepare(t, folder(t, content))
	const columns, want = "a INTEGER, b VARCHAR, c TIMESTAMP_NS", `[[1,"x","2024-01-01T00:00:00.000000001"],[2,"z",null],[3,"z",null]]`
	if _, rows := ask(t, table, "FROM t"); types(profile) != columns || rows != want || profile.Rows != 3 {
		t.Errorf("%s, %d rows %s; want %s %s", types(profile), profile.Rows, rows, columns, want)
	}
}

func TestFolder_NotOneTable_IsRefused(t *testing.T) {
	t.Parallel()
	one := member{name: "a.parquet", kind: tar.TypeReg, query: "SELECT 1 AS a"}
	whole := archive(t, one)
	for name, test := range map[string]struct{ content, want string }{
		"other type":      {archive(t, one, member{name: "b.parquet", kind: tar.TypeReg, query: "SELECT 1::BIGINT AS a"}), `File "b.parquet": column "a" is BIGINT, but INTEGER in the first file: give it the same type in all files.`},
		"missing column":  {archive(t, one, member{name: "b.parquet", kind: tar.TypeReg, query: "SELECT 1 AS b"}), `File "b.parquet": column "a" of the first file is missing: give all files the same columns.`},
		"other column":    {archive(t, one, member{name: "b.parquet", kind: tar.TypeReg, query: "SELECT 1 AS a, 2 AS b"}), `File "b.parquet": column "b" is not in the first file: give all files the same columns.`},
		"partition":       {archive(t, member{name: "region=EU/a.parquet", kind: tar.TypeReg, query: "SELECT 1 AS a"}), `The folder "region=EU" stands for the value of a column: write the table without partitions.`},
		"text":            {archive(t, one, member{name: "b.csv", kind: tar.TypeReg, content: "a\n1\n"}), `File "b.csv": The Parquet file is truncated or damaged.`},
		"link":            {archive(t, one, member{name: "b.parquet", kind: tar.TypeSymlink}), `"b.parquet" in the tar archive is a link or a device: only files can be read.`},
		"nothing":         {archive(t, member{name: "_SUCCESS", kind: tar.TypeReg}), `The tar archive contains no Parquet files.`},
		"truncated":       {whole[:600], `The tar file is truncated: upload it again.`},
		"without its end": {whole[:len(whole)-1024], `The tar file is truncated: upload it again.`},
		"damaged":         {whole[:300] + "\x00" + whole[301:700], `The tar file is truncated: upload it again.`},
		"nothing at all":  {string(make([]byte, 1024)), `The tar archive contains no Parquet files.`},
		"truncated table": {archive(t, one, member{name: "b.parquet", kind: tar.TypeReg, content: "PAR1"}), `File "b.parquet": The Parquet file is truncated or damaged.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := refusal(t, folder(t, test.content)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
