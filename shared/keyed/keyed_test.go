package keyed_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/engine"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
)

// rows are a table's rows: the value of each key, where "" stands for NULL.
type rows map[int]string

// store writes rows to one or two Parquet files.
func store(t *testing.T, r rows, files int) keyed.Table {
	t.Helper()
	var table keyed.Table
	keys := slices.Sorted(maps.Keys(r))
	for part := range files {
		values := []string{"(NULL::INTEGER, NULL::VARCHAR, NULL::VARCHAR)"}
		for i, k := range keys {
			if i%files == part {
				values = append(values, fmt.Sprintf("(%d, 'k%d', nullif(%s, ''))", k, k%3, engine.Literal(r[k])))
			}
		}
		table = append(table, query(t, "SELECT * FROM (VALUES "+strings.Join(values, ", ")+") v(id, kind, value) WHERE id IS NOT NULL"))
	}
	return table
}

// query writes the rows of a query to a Parquet file.
func query(t *testing.T, sql string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.parquet")
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Exec(t.Context(), "COPY ("+sql+") TO "+engine.Literal(path)+" (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads rows back.
func load(t *testing.T, path string) rows {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rows{}
	err = s.Each(t.Context(), "SELECT id, kind, coalesce(value, '') FROM read_parquet("+engine.Literal(path)+")", func(row []any) error {
		id := int(row[0].(int32))
		if _, twice := r[id]; twice || row[1] != fmt.Sprintf("k%d", id%3) {
			t.Errorf("row %v is there twice, or has another row's values", row)
		}
		r[id] = row[2].(string)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func random(r *rand.Rand) rows {
	out := rows{}
	for range r.IntN(12) {
		out[r.IntN(12)] = []string{"", "a", "b", "ä'\n"}[r.IntN(4)]
	}
	return out
}

// The results equal those of maps, for random tables.
func TestUpsertDelete_RandomTables_LikeMaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		base, changes := random(r), random(r)
		dst := filepath.Join(t.TempDir(), "upserted.parquet")
		if err := keyed.Upsert(t.Context(), store(t, base, 1+r.IntN(2)), store(t, changes, 1)[0], []string{"ID", "kind"}, dst, keyed.Options{Scratch: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		want := maps.Clone(base)
		maps.Copy(want, changes)
		if diff := cmp.Diff(want, load(t, dst)); diff != "" {
			t.Errorf("seed %d: upsert (-want +got):\n%s", seed, diff)
		}
		dst = filepath.Join(t.TempDir(), "deleted.parquet")
		keys := query(t, "SELECT id FROM read_parquet("+engine.Literal(store(t, changes, 1)[0])+")")
		if err := keyed.Delete(t.Context(), store(t, base, 2), keys, []string{"id"}, dst, keyed.Options{Scratch: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		want = maps.Clone(base)
		maps.DeleteFunc(want, func(k int, _ string) bool { _, gone := changes[k]; return gone })
		if diff := cmp.Diff(want, load(t, dst)); diff != "" {
			t.Errorf("seed %d: delete (-want +got):\n%s", seed, diff)
		}
	}
}

func TestDiff_RandomTables_LikeMaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		from, to := random(r), random(r)
		got, err := keyed.Diff(t.Context(), store(t, from, 2), store(t, to, 1), []string{"id"}, 100, keyed.Options{Scratch: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		want := &keyed.Difference{Columns: []keyed.ColumnChange{}, Changes: []keyed.RowChange{}, Names: []string{"id", "kind", "value"}, Rows: keyed.RowCounts{From: int64(len(from)), To: int64(len(to)), ByColumn: map[string]int64{}}}
		value := func(v string) any {
			if v == "" {
				return nil
			}
			return v
		}
		for k := range 12 {
			f, before := from[k]
			to, after := to[k]
			whole := func(v string) map[string]any {
				return map[string]any{"id": int32(k), "kind": fmt.Sprintf("k%d", k%3), "value": value(v)}
			}
			change := keyed.RowChange{Key: map[string]any{"id": int32(k)}}
			switch {
			case before && after && f == to:
				want.Rows.Unchanged++
				continue
			case before && after:
				want.Rows.Changed++
				want.Rows.ByColumn["value"]++
				change.Change, change.From, change.To = "changed", map[string]any{"value": value(f)}, map[string]any{"value": value(to)}
			case before:
				want.Rows.Removed++
				change.Change, change.From = "removed", whole(f)
			case after:
				want.Rows.Added++
				change.Change, change.To = "added", whole(to)
			default:
				continue
			}
			want.Changes = append(want.Changes, change)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d (-want +got):\n%s", seed, diff)
		}
	}
}

func TestDiff_ColumnsChanged_ComparesWhatBothHave(t *testing.T) {
	t.Parallel()
	from := query(t, "SELECT * FROM (VALUES (1, 1, 'x'), (2, 2, 'x')) v(id, n, gone)")
	to := query(t, "SELECT * FROM (VALUES (1, 1::BIGINT, 'y'), (2, 3, 'y')) v(ID, N, added)")
	got, err := keyed.Diff(t.Context(), keyed.Table{from}, keyed.Table{to}, []string{"id"}, 10, keyed.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	columns := []keyed.ColumnChange{{Name: "n", From: "INTEGER", To: "BIGINT"}, {Name: "gone", From: "VARCHAR"}, {Name: "added", To: "VARCHAR"}}
	if diff := cmp.Diff([]string{"ID", "N", "added", "gone"}, got.Names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(columns, got.Columns); diff != "" || got.Rows.Changed != 1 || got.Rows.Unchanged != 1 {
		t.Errorf("rows %+v, columns (-want +got):\n%s", got.Rows, diff)
	}
}

func TestKeys_ThatDoNotFit_AreRefused(t *testing.T) {
	t.Parallel()
	good := query(t, "SELECT * FROM (VALUES (1, 'a', [1]), (2, 'b', [2])) v(id, name, list)")
	for _, test := range []struct {
		name, changes, want string
		key                 []string
	}{
		{"no such column", "SELECT 1 AS id, 'a' AS name, [1] AS list", `no column "number"`, []string{"number"}},
		{"nested column", "SELECT 1 AS id, 'a' AS name, [1] AS list", "which a key cannot have", []string{"list"}},
		{"twice", "SELECT 1 AS id, 'a' AS name, [1] AS list", "twice", []string{"id", "ID"}},
		{"null", "SELECT NULL::INTEGER AS id, 'a' AS name, [1] AS list", "1 rows without a value", []string{"id"}},
		{"not unique", "SELECT 1 AS id, name, [1] AS list FROM (VALUES ('a'), ('b')) v(name)", "2 rows with the same key: \"id\" = \"1\"", []string{"id"}},
		{"other type", "SELECT '1' AS id, 'a' AS name, [1] AS list", `of type "VARCHAR"`, []string{"id"}},
		{"other columns", "SELECT 1 AS id", "has 1 columns", []string{"id"}},
	} {
		err := keyed.Upsert(t.Context(), keyed.Table{good}, query(t, test.changes), test.key, filepath.Join(t.TempDir(), "x"), keyed.Options{Scratch: t.TempDir()})
		var refused *invalid.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Detail, test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestDiff_KeysOfOtherTypes_AreComparedAsText(t *testing.T) {
	t.Parallel()
	from := query(t, "SELECT * FROM (VALUES (1, 'x'), (2, 'x')) v(n, f0)")
	to := query(t, "SELECT * FROM (VALUES ('1', 'y'), ('two', 'x')) v(n, f0)")
	got, err := keyed.Diff(t.Context(), keyed.Table{from}, keyed.Table{to}, []string{"n"}, 10, keyed.Options{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	want := keyed.RowCounts{From: 2, To: 2, Added: 1, Removed: 1, Changed: 1, ByColumn: map[string]int64{"f0": 1}}
	if diff := cmp.Diff(want, got.Rows); diff != "" || len(got.Changes) != 3 || got.Changes[0].To["f0"] != "y" {
		t.Errorf("changes %+v, rows (-want +got):\n%s", got.Changes, diff)
	}
}
