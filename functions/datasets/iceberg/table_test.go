package iceberg_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/icebergtable"
	"function/shared/database"
)

func TestTable_Versions_AreSnapshots(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a,b\n1,x\n")
	c.Do(c.Token, http.MethodPut, "/v1/datasets/"+id.String()+"/tags/first", map[string]any{"version": 1}).Want(t, http.StatusOK)
	c.add(t, id, "b.csv?operation=append", "a,b\n2,y\n")
	c.add(t, id, "c.csv", "b,a,c\nz,9007199254740993,2024-01-01\n")

	m := c.load(t, "SALES").Metadata

	if m.FormatVersion != 2 || m.UUID != id || m.CurrentSnapshotID != 3 || m.LastSequenceNumber != 3 || m.CurrentSchemaID != 3 || m.LastColumnID != 3 {
		t.Errorf("metadata %+v", m)
	}
	if diff := cmp.Diff([]string{`[1,"a","long"]`, `[2,"b","string"]`}, columns(t, m, 1)); diff != "" {
		t.Errorf("first schema: %s", diff)
	}
	if diff := cmp.Diff([]string{`[2,"b","string"]`, `[1,"a","long"]`, `[3,"c","date"]`}, columns(t, m, 3)); diff != "" {
		t.Errorf("newest schema: %s", diff)
	}
	if diff := cmp.Diff(map[string]icebergtable.SnapshotRef{"main": {SnapshotID: 3, Type: "branch"}, "first": {SnapshotID: 1, Type: "tag"}}, m.Refs); diff != "" {
		t.Errorf("refs: %s", diff)
	}
	var operations, lists []string
	var log []int64
	for _, s := range m.Snapshots {
		operations, lists = append(operations, s.Summary["operation"]), append(lists, strings.TrimPrefix(s.ManifestList, m.Location))
	}
	for _, e := range m.SnapshotLog {
		log = append(log, e.SnapshotID)
	}
	if diff := cmp.Diff([]any{[]string{"append", "append", "overwrite"}, []string{"/metadata/snap-1.avro", "/metadata/snap-2.avro", "/metadata/snap-3.avro"}, []int64{1, 2, 3}}, []any{operations, lists, log}); diff != "" {
		t.Errorf("snapshots: %s", diff)
	}
	if m.Snapshots[0].ParentID != nil || *m.Snapshots[2].ParentID != 2 || m.Snapshots[1].SchemaID != 1 {
		t.Errorf("snapshots %+v", m.Snapshots)
	}
}

func TestTable_SnapshotsOfReferences_LeavesOutTheOthers(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.dataset(t, "sales", "a\n1\n", "a\n2\n")
	path := "/namespaces/datasets/tables/sales?snapshots="

	all := c.call(http.MethodGet, path+"all", nil).Want(t, http.StatusOK)
	refs := c.call(http.MethodGet, path+"refs", nil).Want(t, http.StatusOK)

	if !strings.Contains(string(all.Body), "snap-1.avro") || strings.Contains(string(refs.Body), "snap-1.avro") || !strings.Contains(string(refs.Body), "snap-2.avro") {
		t.Errorf("all %s, refs %s", all.Body, refs.Body)
	}
	tag := refs.Header.Get("ETag")
	if tag == "" || tag == all.Header.Get("ETag") {
		t.Errorf("tags %q and %q", tag, all.Header.Get("ETag"))
	}
	if answer := c.call(http.MethodGet, path+"refs", nil, "If-None-Match", tag).Want(t, http.StatusNotModified); len(answer.Body) > 0 {
		t.Errorf("body %s", answer.Body)
	}
	c.call(http.MethodGet, path+"all", nil, "If-None-Match", tag).Want(t, http.StatusOK)
}

// TestTable_ColumnOfAnotherType_IsAnotherField replaces text by dates, and keeps the text on a branch and in a version.
func TestTable_ColumnOfAnotherType_IsAnotherField(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a,d\n1,x\n")
	c.Do(c.Token, http.MethodPost, "/v1/datasets/"+id.String()+"/branches", map[string]any{"name": "old"}).Want(t, http.StatusCreated)
	c.add(t, id, "b.csv", "a,d\n1,2024-01-01\n")

	m := c.load(t, "sales").Metadata

	if diff := cmp.Diff([]string{`[1,"a","long"]`, `[2,"d","string"]`}, columns(t, m, 1)); diff != "" {
		t.Errorf("first schema: %s", diff)
	}
	if diff := cmp.Diff([]string{`[1,"a","long"]`, `[3,"d","date"]`}, columns(t, m, 2)); diff != "" {
		t.Errorf("newest schema: %s", diff)
	}
	if _, ok := m.Refs["old"]; ok || len(m.Snapshots) != 2 {
		t.Errorf("refs %+v: a reader would take the branch's text for missing dates", m.Refs)
	}
}

func TestTable_WidenedColumn_KeepsItsField(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales")
	for i, query := range []string{
		"SELECT 1::INTEGER AS i, 1::FLOAT AS f, 1::DECIMAL(9,2) AS d, [1::INTEGER] AS l, {'m': 1::INTEGER} AS s",
		"SELECT 1::BIGINT AS i, 1::DOUBLE AS f, 1::DECIMAL(18,2) AS d, [1::BIGINT] AS l, {'m': 1::BIGINT, 'n': 'x'} AS s",
		"SELECT 1::SMALLINT AS i, 1::FLOAT AS f, 1::DECIMAL(4,2) AS d, [1::INTEGER] AS l, {'m': 1::INTEGER} AS s",
	} {
		c.add(t, id, "a.parquet", datasetstest.Parquet(t, query))

		m := c.load(t, "sales").Metadata

		integer, float, decimal, list, member := "long", "double", "decimal(18, 2)", `"long"`, `{"id":7,"name":"m","required":false,"type":"long"}`
		if i == 0 {
			integer, float, decimal, list, member = "int", "float", "decimal(9, 2)", `"int"`, `{"id":7,"name":"m","required":false,"type":"int"}`
		}
		if i == 1 {
			member += `,{"id":8,"name":"n","required":false,"type":"string"}`
		}
		want := []string{
			`[1,"i","` + integer + `"]`, `[2,"f","` + float + `"]`, `[3,"d","` + decimal + `"]`,
			`[4,"l",{"element":` + list + `,"element-id":5,"element-required":false,"type":"list"}]`,
			`[6,"s",{"fields":[` + member + `],"type":"struct"}]`,
		}
		if diff := cmp.Diff(want, columns(t, m, m.CurrentSchemaID)); diff != "" {
			t.Errorf("version %d: %s", i+1, diff)
		}
	}
}

func TestTable_TypeThatIcebergLacks_IsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	for name, value := range map[string]string{
		"unsigned": "18446744073709551615::UBIGINT", "half": "4294967295::UINTEGER", "nanos": "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'",
		"nested": "[{'x': 1::UBIGINT}]", "map": "MAP {'k': 1::UBIGINT}",
	} {
		id := c.dataset(t, name)
		c.add(t, id, "a.parquet", datasetstest.Parquet(t, "SELECT 1 AS a, "+value+` AS "the column"`))

		message := refusal(t, c.call(http.MethodGet, "/namespaces/datasets/tables/"+name, nil), http.StatusNotAcceptable, "UnsupportedOperationException")

		if !strings.Contains(message, "the column") {
			t.Errorf("%s: %s", name, message)
		}
		c.call(http.MethodHead, "/namespaces/datasets/tables/"+name, nil).Want(t, http.StatusNoContent)

		c.add(t, id, "b.parquet", datasetstest.Parquet(t, "SELECT 2 AS a"))
		if m := c.load(t, name).Metadata; len(m.Snapshots) != 1 || m.CurrentSnapshotID != 2 || m.Snapshots[0].ParentID != nil {
			t.Errorf("%s: snapshots %+v, want only the one that can be read", name, m.Snapshots)
		}
	}
}

func TestTable_ArchivedVersion_IsNoSnapshot(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n", "a\n2\n")
	archive := func(version int) {
		if _, err := c.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_versions SET archived_at = now() WHERE dataset_id = $1 AND version = $2`, id, version); err != nil {
			t.Fatal(err)
		}
	}
	archive(1)
	if m := c.load(t, "sales").Metadata; len(m.Snapshots) != 1 || m.Snapshots[0].ID != 2 {
		t.Errorf("snapshots %+v", m.Snapshots)
	}
	archive(2)
	message := refusal(t, c.call(http.MethodGet, "/namespaces/datasets/tables/sales", nil), http.StatusNotAcceptable, "UnsupportedOperationException")
	if !strings.Contains(message, "Version 2") {
		t.Error(message)
	}
}
