package duckdb_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/internal/query/querytest"
	"function/shared/engine"
)

func TestBackend_LargeDataset_OnlyColumnsReadAreOnDisk(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	path := large(t)
	analyticstest.Store(t, p, organization, "large", path, 400_000)
	analyticstest.Load(t, p, organization, "small", analyticstest.CSV(t, "k,name\n1,one\n2,two\n"))
	for _, test := range []struct{ sql, want string }{
		{`SELECT count(*) FROM large`, "[[400000]]"},
		{`SELECT sum(n) FROM large WHERE k = 1`, "[[15999880000]]"},
		{`SELECT name, count(*) FROM large JOIN small USING (k) GROUP BY ALL ORDER BY 1`, `[["one",80000],["two",80000]]`},
		{`SELECT old.n FROM "large@1" old JOIN large USING (n) WHERE old.n = 7`, "[[7]]"},
	} {
		if got := querytest.Rows(t, b, organization, test.sql); got != test.want {
			t.Errorf("%s: %s, want %s", test.sql, got, test.want)
		}
	}
	if f := querytest.Refusal(t, b, organization, `SELECT missing FROM large`); !strings.Contains(f.Detail, `"missing" not found`) {
		t.Errorf("a missing column: %q", f.Detail)
	}
	if f := querytest.Refusal(t, b, organization, `SELECT current_setting('threads') FROM large`); !strings.Contains(f.Detail, "not available") {
		t.Errorf("a setting: %q", f.Detail)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if used := onDisk(t, p.Env.Config.Scratch); used == 0 || used > info.Size()/2 {
		t.Errorf("%d bytes of %d are on disk", used, info.Size())
	}
	if got := querytest.Rows(t, b, organization, `SELECT count(COLUMNS(*)) FROM large`); got != "[[400000,400000,400000,400000,400000]]" {
		t.Errorf("all columns: %s", got)
	}
}

func TestBackend_LargeDataset_AttacksAreRefused(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	analyticstest.Store(t, p, organization, "weather", large(t), 400_000)
	for _, sql := range attacks(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), p.Env.Config.Scratch) {
		querytest.Refusal(t, b, organization, sql)
	}
}

// large returns a Parquet file of which no whole copy is made.
func large(t *testing.T) string {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "large.parquet")
	if err := s.Exec(t.Context(), "COPY (SELECT i AS n, i % 5 AS k, hash(i)::VARCHAR AS a, hash(i + 1)::VARCHAR AS b, hash(i + 2)::VARCHAR AS c FROM range(400000) r(i)) TO "+
		engine.Literal(path)+" (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		t.Fatal(err)
	}
	return path
}

// onDisk returns the space that files in a directory take.
func onDisk(t *testing.T, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		var stat syscall.Stat_t
		err = syscall.Stat(path, &stat)
		total += stat.Blocks * 512
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
