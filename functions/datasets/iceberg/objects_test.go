package iceberg_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro/ocf"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/icebergtable"
	"function/shared/access"
	"function/shared/engine"
)

// read returns an object, and checks what is known about it.
func (c *catalogue) read(t *testing.T, tables *icebergtable.Tables, location string) (content []byte, tag string) {
	t.Helper()
	object, size, modified, tag, err := tables.Open(t.Context(), access.Of(c.Caller.Caller), key(t, location))
	if err != nil {
		t.Fatalf("%s: %v", location, err)
	}
	defer object.Close()
	if content, err = io.ReadAll(object); err != nil || int64(len(content)) != size || modified.IsZero() || tag == "" {
		t.Fatalf("%s: %d bytes of %d, %s, %q: %v", location, len(content), size, modified, tag, err)
	}
	if _, err := object.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(object, content); err != nil {
		t.Errorf("%s: %v", location, err)
	}
	return content, tag
}

// records decodes an Avro file.
func records(t *testing.T, content []byte) (list []map[string]any, meta map[string][]byte) {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var record map[string]any
		if err := r.Decode(&record); err == io.EOF {
			return list, r.Metadata()
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, record)
	}
}

func TestObjects_OfASnapshot_LeadToItsRows(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a,b\n1,x\n")
	c.add(t, id, "b.csv?operation=append", "a,b\n2,y\n3,\n")
	m := c.load(t, "sales").Metadata
	tables := c.tables(t)

	list, _ := c.read(t, tables, m.Snapshots[1].ManifestList)
	manifests, _ := records(t, list)
	if len(manifests) != 1 {
		t.Fatalf("manifests %v", manifests)
	}
	manifest, _ := c.read(t, tables, manifests[0]["manifest_path"].(string))
	if got := manifests[0]; got["manifest_length"] != int64(len(manifest)) || got["sequence_number"] != int64(2) || got["min_sequence_number"] != int64(1) || got["added_snapshot_id"] != int64(2) ||
		got["added_rows_count"] != int64(2) || got["existing_rows_count"] != int64(1) {
		t.Errorf("manifest of %d bytes: %v", len(manifest), got)
	}
	entries, meta := records(t, manifest)
	var schema struct {
		Fields []struct {
			ID   int
			Name string
		}
	}
	if err := json.Unmarshal(meta["schema"], &schema); err != nil || len(schema.Fields) != 2 || schema.Fields[1].ID != 2 {
		t.Errorf("schema %s: %v", meta["schema"], err)
	}
	var rows [][]any
	for i, e := range entries {
		file := e["data_file"].(map[string]any)
		content, _ := c.read(t, tables, file["file_path"].(string))
		if file["file_size_in_bytes"] != int64(len(content)) || e["snapshot_id"] != int64(i+1) || e["status"] != []any{int32(0), int32(1)}[i] || e["sequence_number"] != int64(i+1) {
			t.Errorf("entry %v of %d bytes", e, len(content))
		}
		path := filepath.Join(t.TempDir(), "part.parquet")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		read := query(t, "SELECT a::VARCHAR, b FROM "+engine.Literal(path))
		if file["record_count"] != int64(len(read)) {
			t.Errorf("%d rows in %v", len(read), file)
		}
		rows = append(rows, read...)
		if diff := cmp.Diff([][]any{{"a", int64(1)}, {"b", int64(2)}}, query(t, "SELECT name, field_id FROM parquet_schema("+engine.Literal(path)+") WHERE field_id IS NOT NULL")); diff != "" {
			t.Errorf("fields of part %d: %s", i+1, diff)
		}
	}
	if diff := cmp.Diff([][]any{{"1", "x"}, {"2", "y"}, {"3", nil}}, rows); diff != "" {
		t.Errorf("rows: %s", diff)
	}
}

func query(t *testing.T, statement string) (rows [][]any) {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Each(t.Context(), statement, func(row []any) error { rows = append(rows, slices.Clone(row)); return nil })
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return rows
}

// TestObjects_OfTheSameVersion_NeverChange reads them again by another process, and after the table has changed.
func TestObjects_OfTheSameVersion_NeverChange(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales")
	c.add(t, id, "a.parquet", datasetstest.Parquet(t, "SELECT 1::INTEGER AS a, {'m': [1.5::FLOAT]} AS s"))
	read := func() (all []string) {
		tables := c.tables(t)
		for _, name := range []string{"metadata/snap-1.avro", "metadata/manifest-1.avro", "data/part-1.parquet"} {
			content, tag := c.read(t, tables, fmt.Sprintf("s3://iceberg/%s/%s", id, name))
			all = append(all, tag, string(content))
		}
		return all
	}
	before := read()
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("another process: %s", diff)
	}
	c.add(t, id, "b.parquet", datasetstest.Parquet(t, "SELECT 1::BIGINT AS a, 2 AS b, {'m': [1.5::DOUBLE]} AS s"))
	c.load(t, "sales")
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("after another version: %s", diff)
	}
}

func TestObjects_Metadata_AreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n", "a\n2\n")
	answer := c.call(http.MethodGet, "/namespaces/datasets/tables/sales?snapshots=refs", nil).Want(t, http.StatusOK)
	var got struct {
		Location string          `json:"metadata-location"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		t.Fatal(err)
	}
	content, _ := c.read(t, c.tables(t), got.Location)
	var a, b any
	if err := json.Unmarshal(content, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.Metadata, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Error(diff)
	}
	c.add(t, id, "c.csv", "a\n3\n")
	if _, _, _, _, err := c.tables(t).Open(t.Context(), access.Of(c.Caller.Caller), key(t, got.Location)); err != icebergtable.ErrNoObject {
		t.Errorf("after another version: %v", err)
	}
}
