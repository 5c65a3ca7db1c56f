package page

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/fault"
)

// list returns a page of rows as a query on a table would, newest first.
func list(t *testing.T, rows []uuid.UUID, q Query) Page[uuid.UUID] {
	t.Helper()
	before, err := q.before()
	if err != nil {
		t.Fatal(err)
	}
	var found []uuid.UUID
	for _, id := range slices.Backward(rows) {
		if strings.Compare(id.String(), before.String()) < 0 && len(found) <= q.Limit {
			found = append(found, id)
		}
	}
	return of(q, found, func(id uuid.UUID) uuid.UUID { return id })
}

func TestPages_AnyLimit_HaveEveryRowOnce(t *testing.T) {
	t.Parallel()
	for _, total := range []int{0, 1, 2, 3, 10} {
		rows := make([]uuid.UUID, total)
		for i := range rows {
			rows[i] = uuid.Must(uuid.NewV7())
		}
		want := slices.Clone(rows)
		slices.Reverse(want)
		for limit := 1; limit <= total+1; limit++ {
			got := []uuid.UUID{}
			for q := (Query{Limit: limit}); ; {
				p := list(t, rows, q)
				got = append(got, p.Items...)
				if p.NextCursor == "" {
					break
				}
				if len(p.Items) != limit {
					t.Fatalf("page of %d items before the last, want %d", len(p.Items), limit)
				}
				q.Cursor = p.NextCursor
			}
			if diff := cmp.Diff(want, got, cmp.Transformer("id", uuid.UUID.String)); diff != "" && total > 0 {
				t.Errorf("%d rows by %d: %s", total, limit, diff)
			}
		}
	}
}

func TestPages_RowsAddedMeanwhile_DoNotShift(t *testing.T) {
	t.Parallel()
	rows := []uuid.UUID{uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())}
	first := list(t, rows, Query{Limit: 2})
	second := list(t, append(rows, uuid.Must(uuid.NewV7())), Query{Limit: 2, Cursor: first.NextCursor})
	if len(second.Items) != 1 || second.Items[0] != rows[0] {
		t.Errorf("second page %v, want %v", second.Items, rows[:1])
	}
}

func TestPage_Empty_IsAnEmptyList(t *testing.T) {
	t.Parallel()
	if p := of(Query{Limit: 1}, nil, func(id uuid.UUID) uuid.UUID { return id }); p.Items == nil {
		t.Error("items are null")
	}
}

func TestCursor_Hostile_IsInvalid(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for _, cursor := range []string{
		"x", "====", "' OR 1=1 --", "\x00", strings.Repeat("A", 1<<20), id.String(),
		base64.RawURLEncoding.EncodeToString(id[:15]), base64.RawURLEncoding.EncodeToString(append(id[:], 0)),
		base64.StdEncoding.EncodeToString(id[:]),
	} {
		_, err := Query{Limit: 1, Cursor: cursor}.before()
		if e, ok := fault.As(err); !ok || e.Kind != fault.Invalid || len(e.Fields) != 1 || e.Fields[0].Location != "query.cursor" {
			t.Errorf("cursor %.20q: %v, want an invalid query.cursor", cursor, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("AZil8AAAcACAAAAAAAAAAQ")
	f.Fuzz(func(t *testing.T, cursor string) {
		if _, err := (Query{Limit: 1, Cursor: cursor}).before(); err != nil {
			if e, ok := fault.As(err); !ok || e.Kind != fault.Invalid {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}
