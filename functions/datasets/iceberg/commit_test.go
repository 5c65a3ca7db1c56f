package iceberg_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"function/functions/datasets/contract"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/icebergtable"
	"function/shared/platformtest"
)

// writer writes snapshots as a client of Iceberg does.
type writer struct {
	*catalogue
	id uuid.UUID
	s3 *awss3.Client
}

// dataFile is a data file in a manifest.
type dataFile struct {
	path    string
	size    int64
	content int // 0: rows
	status  int // 1: added
	format  string
}

const (
	listSchema  = `{"type": "record", "name": "manifest_file", "fields": [{"name": "manifest_path", "type": "string"}, {"name": "content", "type": "int"}, {"name": "partition_spec_id", "type": "int"}]}`
	entrySchema = `{"type": "record", "name": "manifest_entry", "fields": [{"name": "status", "type": "int"}, {"name": "data_file", "type": {"type": "record", "name": "r2", "fields": [
{"name": "content", "type": "int"}, {"name": "file_path", "type": "string"}, {"name": "file_format", "type": "string"}, {"name": "file_size_in_bytes", "type": "long"}]}}]}`
)

func (c *catalogue) writer(t *testing.T, table string) *writer {
	t.Helper()
	got := c.load(t, table)
	w := &writer{catalogue: c, id: got.Metadata.UUID}
	w.s3 = awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: &c.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: got.Config["s3.access-key-id"], SecretAccessKey: got.Config["s3.secret-access-key"], SessionToken: got.Config["s3.session-token"]}, nil
		}),
	})
	return w
}

// put writes a file below the location of the table, and returns its URL.
func (w *writer) put(t *testing.T, name string, content []byte) string {
	t.Helper()
	key := w.id.String() + "/" + name
	if _, err := w.s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String(icebergtable.Bucket), Key: &key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
	return "s3://" + icebergtable.Bucket + "/" + key
}

// rows writes a data file with the rows of a query.
func (w *writer) rows(t *testing.T, query string) dataFile {
	t.Helper()
	content := []byte(datasetstest.Parquet(t, query))
	return dataFile{path: w.put(t, "data/"+uuid.NewString()+".parquet", content), size: int64(len(content)), status: 1, format: "PARQUET"}
}

func (w *writer) avro(t *testing.T, name, schema string, records ...map[string]any) string {
	t.Helper()
	var out bytes.Buffer
	o, err := ocf.NewWriter(&out, avro.MustParse(schema))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := o.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return w.put(t, name, out.Bytes())
}

// snapshot writes the manifests of a snapshot: of a base version, if it is not 0, and of data files.
func (w *writer) snapshot(t *testing.T, base int, files ...dataFile) map[string]any {
	t.Helper()
	var entries, manifests []map[string]any
	for _, f := range files {
		entries = append(entries, map[string]any{"status": f.status, "data_file": map[string]any{"content": f.content, "file_path": f.path, "file_format": f.format, "file_size_in_bytes": f.size}})
	}
	if base > 0 {
		manifests = append(manifests, map[string]any{"manifest_path": fmt.Sprintf("s3://iceberg/%s/metadata/manifest-%d.avro", w.id, base), "content": 0, "partition_spec_id": 0})
	}
	manifests = append(manifests, map[string]any{"manifest_path": w.avro(t, "metadata/"+uuid.NewString()+"-m0.avro", entrySchema, entries...), "content": 0, "partition_spec_id": 0})
	return map[string]any{
		"snapshot-id": rand.Int64N(1<<62) + 1<<40, "timestamp-ms": 0, "sequence-number": 9, "summary": map[string]string{"operation": "append"}, "schema-id": 0,
		"manifest-list": w.avro(t, "metadata/snap-"+uuid.NewString()+".avro", listSchema, manifests...),
	}
}

// commit commits a snapshot that follows another one (nil: none).
func (w *writer) commit(table string, base any, snapshot map[string]any) platformtest.Answer {
	return w.call(http.MethodPost, "/namespaces/datasets/tables/"+table, map[string]any{
		"requirements": []map[string]any{{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": base}},
		"updates": []map[string]any{
			{"action": "add-snapshot", "snapshot": snapshot},
			{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": snapshot["snapshot-id"]},
		},
	})
}

func (c *catalogue) csv(t *testing.T, id uuid.UUID) string {
	t.Helper()
	return string(c.Do(c.Token, http.MethodGet, "/v1/datasets/"+id.String()+"/download?format=csv", nil).Want(t, http.StatusOK).Body)
}

func TestCommit_Repeated_AddsItsRowsOnce(t *testing.T) {
	t.Parallel()
	c := writable(t)
	c.send(t, "sales", "a\n1\n")
	w := c.writer(t, "sales")
	s := w.snapshot(t, 1, w.rows(t, "SELECT 2::BIGINT AS a"))
	for range 2 {
		got := platformtest.Decode[loaded](t, w.commit("sales", 1, s).Want(t, http.StatusOK)).Metadata
		if got.CurrentSnapshotID != s["snapshot-id"] || len(got.Snapshots) != 2 || *got.Snapshots[1].ParentID != 1 {
			t.Errorf("metadata %+v", got)
		}
	}
	if got := c.csv(t, w.id); !strings.HasSuffix(got, "\n1\r\n2\r\n") {
		t.Errorf("rows %q", got)
	}
}

// TestCommit_AndUpload_NeitherIsLost commits snapshots of the same base while files are uploaded.
func TestCommit_AndUpload_NeitherIsLost(t *testing.T) {
	t.Parallel()
	c := writable(t)
	c.send(t, "sales", "a\n0\n")
	w := c.writer(t, "sales")
	var snapshots []map[string]any
	for i := range 3 {
		snapshots = append(snapshots, w.snapshot(t, 1, w.rows(t, fmt.Sprintf("SELECT %d::BIGINT AS a", i+1))))
	}
	statuses := make([]int, len(snapshots))
	var all sync.WaitGroup
	for i, s := range snapshots {
		all.Go(func() { statuses[i] = w.commit("sales", 1, s).Status })
	}
	body, contentType := datasetstest.Form(t, "file", "b.csv", "", "a\n9\n")
	all.Go(func() {
		c.Do(c.Token, http.MethodPost, "/v1/datasets/"+w.id.String()+"/upload?operation=append", body, "Content-Type", contentType).Want(t, http.StatusCreated)
	})
	all.Wait()
	datasetstest.WaitFor(t, "versions", func() bool { return datasetstest.Get(t, c.Platform, c.Token, w.id).Status == "ready" })
	got := c.csv(t, w.id)
	committed := 0
	for i, status := range statuses {
		row := fmt.Sprintf("\n%d", i+1)
		switch status {
		case http.StatusOK:
			committed++
			if !strings.Contains(got, row) {
				t.Errorf("row %d was committed and is lost: %q", i+1, got)
			}
		case http.StatusConflict:
			if strings.Contains(got, row) {
				t.Errorf("row %d was refused and is there: %q", i+1, got)
			}
		default:
			t.Errorf("status %d", status)
		}
	}
	if committed > 1 || !strings.Contains(got, "\n0") || !strings.Contains(got, "\n9") {
		t.Errorf("%d commits of one base, rows %q", committed, got)
	}
}

func TestCommit_BlockedByTheContract_IsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	c := writable(t, contract.Service)
	c.send(t, "sales", "a\n1\n")
	w := c.writer(t, "sales")
	rules := map[string]any{"rules": []map[string]any{{"name": "small", "kind": "range", "column": "a", "max": 10, "severity": "block"}}}
	c.Do(c.Token, http.MethodPut, "/v1/datasets/"+w.id.String()+"/contract", rules).Want(t, http.StatusOK)
	s := w.snapshot(t, 1, w.rows(t, "SELECT 11::BIGINT AS a"))
	for range 2 {
		message := refusal(t, w.commit("sales", 1, s), http.StatusBadRequest, "BadRequestException")
		if !strings.Contains(message, "blocked") {
			t.Error(message)
		}
	}
	if got := c.load(t, "sales").Metadata; got.CurrentSnapshotID != 1 {
		t.Errorf("metadata %+v", got)
	}
	w.commit("sales", 1, w.snapshot(t, 1, w.rows(t, "SELECT 2::BIGINT AS a"))).Want(t, http.StatusOK)
}

func TestCommit_WhatAVersionCannotCarry_IsRefused(t *testing.T) {
	t.Parallel()
	c := writable(t)
	c.send(t, "sales", "a\n1\n")
	w := c.writer(t, "sales")
	c.send(t, "other", "a\n1\n")
	good := w.rows(t, "SELECT 2::BIGINT AS a")
	with := func(change func(*dataFile)) dataFile {
		f := good
		change(&f)
		return f
	}
	part := dataFile{path: fmt.Sprintf("s3://iceberg/%s/data/part-1.parquet", w.id), status: 2, format: "PARQUET"}
	for name, test := range map[string]struct {
		files []dataFile
		base  int
		code  int
	}{
		"a delete file": {[]dataFile{with(func(f *dataFile) { f.content = 1 })}, 1, http.StatusNotAcceptable},
		"ORC":           {[]dataFile{with(func(f *dataFile) { f.format = "ORC" })}, 1, http.StatusNotAcceptable},
		"another size":  {[]dataFile{with(func(f *dataFile) { f.size++ })}, 1, http.StatusBadRequest},
		"another place": {[]dataFile{with(func(f *dataFile) { f.path = "s3://sales/1/part-00000.parquet" })}, 1, http.StatusBadRequest},
		"another table": {[]dataFile{with(func(f *dataFile) {
			f.path = "s3://iceberg/" + c.load(t, "other").Metadata.UUID.String() + "/data/part-1.parquet"
		})}, 1, http.StatusBadRequest},
		"a missing file":     {[]dataFile{with(func(f *dataFile) { f.path += "x" })}, 1, http.StatusBadRequest},
		"no rows":            {[]dataFile{part}, 0, http.StatusNotAcceptable},
		"an unknown version": {[]dataFile{good}, 7, http.StatusNotAcceptable},
	} {
		answer := w.commit("sales", 1, w.snapshot(t, test.base, test.files...))
		if answer.Status != test.code {
			t.Errorf("%s: %d %s, want %d", name, answer.Status, answer.Body, test.code)
		}
	}
	path := "/namespaces/datasets/tables/sales"
	for _, update := range []map[string]any{
		{"action": "add-spec", "spec": map[string]any{"spec-id": 1, "fields": []any{map[string]any{"source-id": 1, "transform": "identity", "name": "a"}}}},
		{"action": "add-sort-order", "sort-order": map[string]any{"order-id": 1, "fields": []any{map[string]any{"source-id": 1}}}},
		{"action": "add-schema", "schema": map[string]any{"type": "struct", "fields": []any{map[string]any{"id": 1, "name": "a", "type": "long", "required": false}}}},
		{"action": "set-location", "location": "s3://elsewhere/"}, {"action": "upgrade-format-version", "format-version": 3},
		{"action": "remove-snapshots", "snapshot-ids": []int{1}}, {"action": "unheard-of"},
		{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 1},
	} {
		refusal(t, c.call(http.MethodPost, path, map[string]any{"updates": []any{update}}), http.StatusNotAcceptable, "UnsupportedOperationException")
	}
	for _, body := range []any{map[string]any{"updates": []any{map[string]any{"action": 1}}}, map[string]any{"requirements": []any{map[string]any{"type": "assert-what"}}}} {
		refusal(t, c.call(http.MethodPost, path, body), http.StatusBadRequest, "BadRequestException")
	}
	refusal(t, c.call(http.MethodPost, path, map[string]any{"requirements": []any{map[string]any{"type": "assert-create"}}}), http.StatusConflict, "AlreadyExistsException")
	refusal(t, c.call(http.MethodPost, path, map[string]any{"requirements": []any{map[string]any{"type": "assert-table-uuid", "uuid": uuid.NewString()}}}), http.StatusConflict, "CommitFailedException")
	if got := c.load(t, "sales").Metadata; len(got.Snapshots) != 1 {
		t.Errorf("metadata %+v", got)
	}
	w.commit("sales", 1, w.snapshot(t, 1, good)).Want(t, http.StatusOK)
}

func TestCreateTable_Schemas(t *testing.T) {
	t.Parallel()
	c := open(t)
	path := "/namespaces/datasets/tables"
	field := func(name string, is any) map[string]any {
		return map[string]any{"id": 7, "name": name, "type": is, "required": false}
	}
	schema := func(fields ...any) map[string]any {
		return map[string]any{"type": "struct", "schema-id": 3, "fields": fields}
	}
	got := platformtest.Decode[loaded](t, c.call(http.MethodPost, path, map[string]any{"name": "made", "properties": map[string]string{"k": "v"}, "schema": schema(
		field("a", "int"), field("l", map[string]any{"type": "list", "element-id": 9, "element": "string", "element-required": false}), field("d", "decimal(10, 2)"),
	)}).Want(t, http.StatusOK)).Metadata
	if got.CurrentSnapshotID != -1 || len(got.Snapshots) != 0 || got.LastColumnID != 4 || got.Properties["k"] != "v" {
		t.Errorf("metadata %+v", got)
	}
	if want := []string{`[1,"a","int"]`, `[2,"l",{"element":"string","element-id":3,"element-required":false,"type":"list"}]`, `[4,"d","decimal(10, 2)"]`}; fmt.Sprint(columns(t, got, 0)) != fmt.Sprint(want) {
		t.Errorf("columns %v", columns(t, got, 0))
	}
	if listed := c.call(http.MethodGet, path, nil).Want(t, http.StatusOK); !strings.Contains(string(listed.Body), `"made"`) {
		t.Errorf("tables %s", listed.Body)
	}
	refusal(t, c.call(http.MethodPost, path, map[string]any{"name": "MADE", "schema": schema(field("a", "int"))}), http.StatusConflict, "AlreadyExistsException")
	for name, body := range map[string]map[string]any{
		"nanoseconds": {"name": "x", "schema": schema(field("a", "timestamp_ns"))}, "fixed": {"name": "x", "schema": schema(field("a", "fixed[4]"))},
		"partitions": {"name": "x", "schema": schema(field("a", "int")), "partition-spec": map[string]any{"fields": []any{map[string]any{}}}},
		"location":   {"name": "x", "schema": schema(field("a", "int")), "location": "s3://elsewhere"},
	} {
		if a := c.call(http.MethodPost, path, body); a.Status != http.StatusNotAcceptable {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, body := range map[string]map[string]any{
		"name": {"name": "a b", "schema": schema(field("a", "int"))}, "no columns": {"name": "x", "schema": schema()}, "twice": {"name": "x", "schema": schema(field("a", "int"), field("A", "int"))},
		"no schema": {"name": "x", "schema": "text"}, "no fields": {"name": "x", "schema": map[string]any{"fields": 1}}, "properties": {"name": "x", "schema": schema(field("a", "int")), "properties": 1},
		"identifiers": {"name": "x", "schema": map[string]any{"type": "struct", "identifier-field-ids": []int{1}, "fields": []any{field("a", "int")}}},
	} {
		if a := c.call(http.MethodPost, path, body); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	refusal(t, c.call(http.MethodPost, path, map[string]any{"name": "x", "schema": schema(field("a\x00", "int"))}), http.StatusUnprocessableEntity, "BadRequestException")
	refusal(t, c.call(http.MethodPost, "/namespaces/shared/tables", map[string]any{"name": "x", "schema": schema(field("a", "int"))}), http.StatusForbidden, "ForbiddenException")
	viewer := as(c.Platform, c.LoginTo(c.OrganizationID, "viewer"))
	refusal(t, viewer.call(http.MethodPost, path, map[string]any{"name": "x", "schema": schema(field("a", "int"))}), http.StatusForbidden, "ForbiddenException")
	refusal(t, viewer.call(http.MethodDelete, path+"/made", nil), http.StatusForbidden, "ForbiddenException")
	c.call(http.MethodDelete, path+"/made?purgeRequested=true", nil).Want(t, http.StatusNoContent)
	refusal(t, c.call(http.MethodDelete, path+"/made", nil), http.StatusNotFound, "NoSuchTableException")
}

func TestFiles_BelowATable_AreSeenAndDeletedByTheirWriterOnly(t *testing.T) {
	t.Parallel()
	c := writable(t)
	c.send(t, "sales", "a\n1\n")
	w := c.writer(t, "sales")
	other := as(c.Platform, c.LoginTo(c.OrganizationID, "owner")).writer(t, "sales")
	viewer := as(c.Platform, c.LoginTo(c.OrganizationID, "viewer")).writer(t, "sales")
	get := func(w *writer, bucket, key string) error {
		_, err := w.s3.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
		return err
	}
	put := func(w *writer, key string) error {
		_, err := w.s3.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String(icebergtable.Bucket), Key: &key, Body: strings.NewReader("x")})
		return err
	}
	key := w.id.String() + "/data/a b.parquet"
	for range 2 {
		if err := put(w, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := get(w, icebergtable.Bucket, key); err != nil {
		t.Error(err)
	}
	if get(other, icebergtable.Bucket, key) == nil || get(w, "sales", "iceberg/data/a b.parquet") == nil {
		t.Error("the file is seen elsewhere")
	}
	if err := put(viewer, key); err == nil {
		t.Error("a viewer writes")
	}
	for _, key := range []string{"data/part-1.parquet", "metadata/snap-1.avro", "metadata/manifest-9.avro", "other/a", "data/", "data"} {
		if put(w, w.id.String()+"/"+key) == nil {
			t.Errorf("%s was written", key)
		}
	}
	if put(w, uuid.NewString()+"/data/a") == nil || put(w, "data/a") == nil {
		t.Error("a file without a table was written")
	}
	for _, one := range []*writer{other, w} {
		if _, err := one.s3.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: aws.String(icebergtable.Bucket), Key: &key}); err != nil {
			t.Error(err)
		}
		if gone := get(w, icebergtable.Bucket, key) != nil; gone != (one == w) {
			t.Errorf("gone: %v", gone)
		}
	}
	if got := c.csv(t, w.id); !strings.HasSuffix(got, "\n1\r\n") {
		t.Errorf("rows %q", got)
	}
}
