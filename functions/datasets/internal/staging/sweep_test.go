package staging_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"function/functions/datasets/internal/staging"
	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// stale stores objects that no version has, and their rows.
func stale(t testing.TB, p *platformtest.Platform, n int) staging.Area {
	t.Helper()
	area, err := staging.Open(t.Context(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := area.Bucket(t.Context(), "local"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), "o")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `
INSERT INTO staged_objects (name, storage_type, created_at) SELECT 'o/' || i, 'local', now() - interval '2 days' FROM generate_series(0, $1 - 1) i`, n); err != nil {
		t.Fatal(err)
	}
	return area
}

func TestSweep_MoreThanABatch_LeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	area := stale(t, p, 1201)
	if err := area.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows int
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT count(*) FROM staged_objects`).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), "o"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if rows != 0 || len(left) != 0 {
		t.Errorf("%d rows and %d objects are left", rows, len(left))
	}
}

// BenchmarkSweep deletes the number of objects that -benchtime=100000x asks for.
func BenchmarkSweep(b *testing.B) {
	area := stale(b, platformtest.New(b), b.N)
	b.ResetTimer()
	if err := area.Sweep(b.Context()); err != nil {
		b.Fatal(err)
	}
}
