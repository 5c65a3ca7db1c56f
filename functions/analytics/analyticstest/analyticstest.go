// Package analyticstest stores data sets for tests in the state in which the datasets domain
// leaves them.
package analyticstest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/ingest"
	"function/shared/platformtest"
)

// Weather is the path of a CSV file with Seattle's weather.
var Weather = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../testdata/seattle-weather.csv")
}()

// CSV writes the text to a file and returns its path.
func CSV(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	insertDataset = `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by) VALUES ($1, $2, $3, '', 'local', $4, $1)`
	insertVersion = `
INSERT INTO dataset_versions (dataset_id, version, status, format, size_bytes, stored_bytes, sha256, object_name, wrapped_key, table_name, table_bytes, row_count, uploaded_by)
VALUES ($1, 1, 'ready', 'csv', 0, 0, '', '', $2, $3, $4, $5, $1)`
	readyDataset = `UPDATE datasets SET newest_version = 1, ready_version = 1, status = 'ready' WHERE id = $1`
)

// Describe creates an empty data set with the given status.
func Describe(t testing.TB, p *platformtest.Platform, organization uuid.UUID, name, status string) uuid.UUID {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	if _, err := p.DB(database.Datasets).Exec(context.Background(), insertDataset, id, organization, name, status); err != nil {
		t.Fatal(err)
	}
	return id
}

// Load creates a ready data set from a CSV file.
func Load(t testing.TB, p *platformtest.Platform, organization uuid.UUID, name, path string) uuid.UUID {
	t.Helper()
	parquet := filepath.Join(t.TempDir(), "table.parquet")
	profile, err := ingest.Prepare(context.Background(), ingest.Source{Path: path, Format: ingest.CSV}, parquet, ingest.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return Store(t, p, organization, name, parquet, profile.Rows)
}

// Store creates a ready data set from its Parquet copy.
func Store(t testing.TB, p *platformtest.Platform, organization uuid.UUID, name, parquet string, rows int64) uuid.UUID {
	t.Helper()
	ctx := context.Background()
	id := Describe(t, p, organization, name, "processing")
	object := "tables/" + id.String() + "/1"
	wrapped, size := seal(t, p, object, parquet)
	for _, statement := range []struct {
		sql  string
		args []any
	}{{insertVersion, []any{id, wrapped, object, size, rows}}, {readyDataset, []any{id}}} {
		if _, err := p.DB(database.Datasets).Exec(ctx, statement.sql, statement.args...); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func seal(t testing.TB, p *platformtest.Platform, object, path string) (wrapped []byte, size int64) {
	t.Helper()
	ctx := context.Background()
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	key, wrapped, err := keeper.NewKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := p.Env.Objects(ctx, "local")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := bucket.Create(ctx, object, key)
	if err != nil {
		t.Fatal(err)
	}
	if size, err = io.Copy(w, file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return wrapped, size
}
