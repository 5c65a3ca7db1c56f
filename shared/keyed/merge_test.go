package keyed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"function/shared/engine"
	"function/shared/ingest/invalid"
	"function/shared/keyed"
)

// merged applies the changes from base to theirs to ours, and returns the preview. takes decides
// conflicts by key.
func merged(base, ours, theirs rows, prefer string, takes map[int]string) (result rows, preview *keyed.MergePreview, open int) {
	result, preview = rows{}, &keyed.MergePreview{Conflicts: []keyed.Conflict{}}
	whole := func(k int, v string, present bool) map[string]any {
		if !present {
			return nil
		}
		row := map[string]any{"id": int32(k), "kind": fmt.Sprintf("k%d", k%3), "value": nil}
		if v != "" {
			row["value"] = v
		}
		return row
	}
	for k := range 12 {
		o, inOurs := ours[k]
		t, inTheirs := theirs[k]
		a, inBase := base[k]
		count(&preview.Ours, inBase, inOurs, a != o)
		count(&preview.Theirs, inBase, inTheirs, a != t)
		value, present := o, inOurs
		switch {
		case inTheirs == inBase && t == a:
		case inOurs == inBase && o == a:
			value, present = t, inTheirs
		case inOurs == inTheirs && o == t:
		default:
			preview.ConflictCount++
			preview.Conflicts = append(preview.Conflicts, keyed.Conflict{
				Key: map[string]any{"id": int32(k)}, Base: whole(k, a, inBase), Ours: whole(k, o, inOurs), Theirs: whole(k, t, inTheirs)})
			take, resolved := takes[k]
			switch {
			case !resolved && prefer == "":
				open++
			case !resolved:
				take = prefer
			}
			switch take {
			case keyed.Theirs:
				value, present = t, inTheirs
			case keyed.Base:
				value, present = a, inBase
			}
		}
		if present {
			result[k] = value
		}
	}
	return result, preview, open
}

func count(c *keyed.SideChanges, before, after, differ bool) {
	switch {
	case !before && after:
		c.Added++
	case before && !after:
		c.Removed++
	case before && differ:
		c.Changed++
	}
}

func TestMerge_RandomTables_LikeMaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 2))
		base, ours, theirs := random(r), random(r), random(r)
		if seed%4 == 0 { // few changes: no conflict is likely
			ours, theirs = maps.Clone(base), maps.Clone(base)
			ours[r.IntN(12)], theirs[r.IntN(12)] = "x", "y"
			delete(theirs, r.IntN(12))
		}
		b, o, th := store(t, base, 1), store(t, ours, 2), store(t, theirs, 1)
		_, want, _ := merged(base, ours, theirs, keyed.Ours, nil)
		got, err := keyed.PreviewMerge(t.Context(), b, o, th, []string{"ID"}, 100, keyed.Options{Scratch: t.TempDir()})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d, preview (-want +got):\n%s", seed, diff)
		}
		takes, resolutions := map[int]string{}, []keyed.Resolution(nil)
		for _, c := range got.Conflicts {
			if id := int(c.Key["id"].(int32)); r.IntN(3) > 0 {
				takes[id] = []string{keyed.Ours, keyed.Theirs, keyed.Base}[r.IntN(3)]
				resolutions = append(resolutions, resolution(takes[id], "id", fmt.Sprint(id)))
			}
		}
		for _, prefer := range []string{"", keyed.Ours, keyed.Theirs} {
			for _, c := range []keyed.Choices{{Prefer: prefer}, {Prefer: prefer, Resolutions: resolutions}} {
				decided := takes
				if c.Resolutions == nil {
					decided = nil
				}
				dst := filepath.Join(t.TempDir(), "merged.parquet")
				err := keyed.Merge(t.Context(), b, o, th, []string{"id"}, c, dst, keyed.Options{Scratch: t.TempDir()})
				want, _, open := merged(base, ours, theirs, prefer, decided)
				if open > 0 {
					wantInvalid(t, err, fmt.Sprintf("changed %d rows", open))
					continue
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := cmp.Diff(want, load(t, dst)); diff != "" {
					t.Errorf("seed %d, %+v (-want +got):\n%s", seed, c, diff)
				}
			}
		}
	}
}

// resolution takes a side for the row with a key: pairs of column and JSON value.
func resolution(take string, key ...string) keyed.Resolution {
	r := keyed.Resolution{Key: map[string]json.RawMessage{}, Take: take}
	for i := 0; i < len(key); i += 2 {
		r.Key[key[i]] = json.RawMessage(key[i+1])
	}
	return r
}

func wantInvalid(t *testing.T, err error, want string) {
	t.Helper()
	var refused *invalid.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Detail, want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// A resolution names a row of each type of key as the preview shows it, after JSON.
func TestMerge_ResolutionsByKeysOfEachType_AreExact(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"9007199254740993::BIGINT", "18446744073709551615::UBIGINT", "170141183460469231731687303715884105727::HUGEINT", "1.50::DECIMAL(18,2)", "0.1::FLOAT", "1e300::DOUBLE", "true",
		"'a\"\\ü'", "'\\x00\\xFF'::BLOB", "DATE '2024-02-29'", "TIMESTAMP '2024-02-29 10:00:00.123456'", "TIMESTAMPTZ '2024-02-29 10:00:00+02'", "TIME '10:00:00.5'",
		"UUID 'c0ffee00-0000-4000-8000-000000000000'", "TIMESTAMP_NS '2024-02-29 10:00:00.123456789'",
	} {
		table := func(v string) keyed.Table { return keyed.Table{query(t, "SELECT "+key+" AS id, '"+v+"' AS v")} }
		base, ours, theirs := table("a"), table("o"), table("t")
		preview, err := keyed.PreviewMerge(t.Context(), base, ours, theirs, []string{"id"}, 1, keyed.Options{Scratch: t.TempDir()})
		if err != nil || len(preview.Conflicts) != 1 {
			t.Fatalf("%s: preview %+v, %v", key, preview, err)
		}
		encoded, err := json.Marshal(preview.Conflicts[0].Key["id"])
		if err != nil {
			t.Fatal(err)
		}
		dst := filepath.Join(t.TempDir(), "merged.parquet")
		err = keyed.Merge(t.Context(), base, ours, theirs, []string{"id"}, keyed.Choices{Resolutions: []keyed.Resolution{resolution(keyed.Theirs, "id", string(encoded))}}, dst, keyed.Options{Scratch: t.TempDir()})
		if err != nil {
			t.Errorf("%s as %s: %v", key, encoded, err)
			continue
		}
		if got := values(t, dst, "v"); got != "[t]" {
			t.Errorf("%s: rows %s", key, got)
		}
	}
}

// values reads a column.
func values(t *testing.T, path, column string) string {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	row, err := s.Row(t.Context(), "SELECT list("+column+") FROM read_parquet("+engine.Literal(path)+")")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(row[0])
}

func TestMerge_ResolutionsThatDoNotFit_AreRefused(t *testing.T) {
	t.Parallel()
	table := func(values string) keyed.Table {
		return keyed.Table{query(t, "SELECT * FROM (VALUES "+values+") v(id, part, x)")}
	}
	base, ours, theirs := table("(1, 1e0, 'a'), (2, 1e0, 'a'), (3, 1e0, 'a')"), table("(1, 1e0, 'o'), (2, 1e0, 'o'), (3, 1e0, 'a')"), table("(1, 1e0, 't'), (2, 1e0, 'a'), (3, 1e0, 'a')")
	for name, test := range map[string]struct {
		resolutions []keyed.Resolution
		want        string
	}{
		"changed by one side":  {[]keyed.Resolution{resolution(keyed.Ours, "id", "2", "part", "1")}, `Resolution 1 is of a row that has no conflict: "id" = "2", "part" = "1"`},
		"changed by no side":   {[]keyed.Resolution{resolution(keyed.Ours, "id", "1", "part", "1"), resolution(keyed.Base, "id", "3", "part", "1")}, "Resolution 2 is of a row that has no conflict"},
		"no such row":          {[]keyed.Resolution{resolution(keyed.Ours, "id", "1.4", "part", "1")}, "has no conflict"},
		"not of the type":      {[]keyed.Resolution{resolution(keyed.Ours, "id", `"x"`, "part", "1e400")}, "has no conflict"},
		"twice":                {[]keyed.Resolution{resolution(keyed.Ours, "id", "1", "part", "1"), resolution(keyed.Base, "ID", `"1"`, "part", "1")}, "Resolutions 1 and 2 are of the same row"},
		"twice, spelled twice": {[]keyed.Resolution{resolution(keyed.Ours, "id", "1", "part", "1"), resolution(keyed.Base, "id", "1", "part", "10e-1")}, "Resolutions 1 and 2 are of the same row"},
		"null":                 {[]keyed.Resolution{resolution(keyed.Ours, "id", "null", "part", "1")}, `column "id" is not a string, a number or a boolean`},
		"list":                 {[]keyed.Resolution{resolution(keyed.Ours, "id", "[1]", "part", "1")}, `column "id" is not a string, a number or a boolean`},
		"column missing":       {[]keyed.Resolution{resolution(keyed.Ours, "id", "1")}, "does not consist of the columns id, part"},
		"other column":         {[]keyed.Resolution{resolution(keyed.Ours, "id", "1", "x", "1")}, "does not consist of the columns id, part"},
		"column too many":      {[]keyed.Resolution{resolution(keyed.Ours, "id", "1", "part", "1", "x", "1")}, "does not consist of the columns id, part"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, prefer := range []string{"", keyed.Theirs} {
				err := keyed.Merge(t.Context(), base, ours, theirs, []string{"id", "part"}, keyed.Choices{Prefer: prefer, Resolutions: test.resolutions}, filepath.Join(t.TempDir(), "x"), keyed.Options{Scratch: t.TempDir()})
				wantInvalid(t, err, test.want)
			}
		})
	}
}

// The columns of a table have any names.
func TestMerge_ColumnsNamedLikeSides(t *testing.T) {
	t.Parallel()
	table := func(values string) keyed.Table {
		return keyed.Table{query(t, "SELECT * FROM (VALUES "+values+") v(o, t, a, ours, theirs, base, take, k0, c0, \"row\")")}
	}
	const rest = ", 2, 3, 4, 5, 6, 7, 8, 9, "
	base, ours, theirs := table("(1"+rest+"'a'), (2"+rest+"'a')"), table("(1"+rest+"'o'), (2"+rest+"'a')"), table("(1"+rest+"'a'), (2"+rest+"'t')")
	dst := filepath.Join(t.TempDir(), "merged.parquet")
	if err := keyed.Merge(t.Context(), base, ours, theirs, []string{"o"}, keyed.Choices{}, dst, keyed.Options{Scratch: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	if got := values(t, dst, `"row" ORDER BY o`); got != "[o t]" {
		t.Errorf("rows %s", got)
	}
}
