// Package searchtest tests implementations of search.Index.
package searchtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/search"
)

// Run tests an empty index.
func Run(t *testing.T, index search.Index) {
	t.Helper()
	owner := uuid.New()
	names := map[uuid.UUID]string{}
	put := func(d search.Document) uuid.UUID {
		t.Helper()
		d.ID = uuid.Must(uuid.NewV7())
		if d.Kind == "" {
			d.Kind = "table"
		}
		if d.Readers == nil {
			d.Readers = []string{"member/1"}
		}
		names[d.ID] = d.Name
		if err := index.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		return d.ID
	}
	find := func(q search.Query) (found search.Found, got []string) {
		t.Helper()
		if q.Readers == nil {
			q.Readers = []string{"member/1", "share/1"}
		}
		if q.Limit == 0 {
			q.Limit = 100
		}
		found, err := index.Find(t.Context(), q)
		if err != nil {
			t.Fatalf("%.100q: %v", q.Text, err)
		}
		for _, m := range found.Matches {
			if m.Score <= 0 {
				t.Errorf("%.100q: score %v", q.Text, m.Score)
			}
			got = append(got, names[m.ID])
		}
		return found, got
	}
	put(search.Document{Name: "sales_orders", Description: "Bestellungen über Größe & Menge", Columns: []string{"OrderID", "customer_email"}, Tags: []string{"Finance", "gold standard"}, Domain: "Sales", Owner: &owner, Personal: []string{"email", "name"}})
	put(search.Document{Name: "customers", Description: "whoever places sales orders", Terms: []string{"Net Revenue"}, Synonyms: []string{"turnover"}, Values: []search.Value{{Column: "city", Value: "Zürich"}}, Personal: []string{"name"}})
	put(search.Document{Name: "天気予報", Description: "東京の天気", Kind: "documents"})
	put(search.Document{Name: "secret", Description: "sales", Readers: []string{"governs/1"}})
	put(search.Document{Name: "shared", Description: "sales elsewhere", Readers: []string{"member/2", "share/1"}})
	gone := put(search.Document{Name: "gone", Description: "sales"})
	if err := index.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := index.Delete(t.Context(), gone); err != nil {
		t.Errorf("delete twice: %v", err)
	}

	for _, test := range []struct {
		q    search.Query
		want string // sorted
	}{
		{search.Query{Text: "sales"}, "customers sales_orders shared"},
		{search.Query{Text: "SALES orders"}, "customers sales_orders"},
		{search.Query{Text: "sal ord"}, "customers sales_orders"},
		{search.Query{Text: "groSSe"}, "sales_orders"},
		{search.Query{Text: "größe uber"}, "sales_orders"},
		{search.Query{Text: "orderid"}, "sales_orders"},
		{search.Query{Text: "order id"}, "sales_orders"},
		{search.Query{Text: "email"}, "sales_orders"},
		{search.Query{Text: "finance"}, "sales_orders"},
		{search.Query{Text: "turnover"}, "customers"},
		{search.Query{Text: "revenue"}, "customers"},
		{search.Query{Text: "zurich"}, "customers"},
		{search.Query{Text: "東京"}, "天気予報"},
		{search.Query{Text: "予報"}, "天気予報"},
		{search.Query{Text: "nothing like this"}, ""},
		{search.Query{Text: "!!!"}, ""},
		{search.Query{Text: "gone"}, ""},
		{search.Query{Text: "secret"}, ""},
		{search.Query{Text: "secret", Readers: []string{"governs/1"}}, "secret"},
		{search.Query{Text: "sales", Readers: []string{"member/2"}}, "shared"},
		{search.Query{Readers: []string{"member/3"}}, ""},
		{search.Query{}, "customers sales_orders shared 天気予報"},
		{search.Query{Filter: search.Filter{Kind: "documents"}}, "天気予報"},
		{search.Query{Filter: search.Filter{Domain: "sales"}}, "sales_orders"},
		{search.Query{Text: "orders", Filter: search.Filter{Tag: "FINANCE"}}, "sales_orders"},
		{search.Query{Filter: search.Filter{Tag: "gold standard"}}, "sales_orders"},
		{search.Query{Filter: search.Filter{Tag: "gold"}}, ""},
		{search.Query{Filter: search.Filter{Term: "net revenue"}}, "customers"},
		{search.Query{Filter: search.Filter{Column: "customer_email"}}, "sales_orders"},
		{search.Query{Filter: search.Filter{Owner: &owner}}, "sales_orders"},
		{search.Query{Filter: search.Filter{Personal: "any"}}, "customers sales_orders"},
		{search.Query{Text: "sales", Filter: search.Filter{Personal: "name"}}, "customers sales_orders"},
		{search.Query{Filter: search.Filter{Personal: "email"}}, "sales_orders"},
		{search.Query{Filter: search.Filter{Personal: "iban"}}, ""},
		{search.Query{Filter: search.Filter{Tag: `o'neil \ :* | & !`}}, ""},
	} {
		found, got := find(test.q)
		slices.Sort(got)
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" || found.More || found.Corrected {
			t.Errorf("%+v: %s, more %t, corrected %t", test.q, diff, found.More, found.Corrected)
		}
	}
	if _, got := find(search.Query{Text: "sales orders"}); len(got) == 0 || got[0] != "sales_orders" {
		t.Errorf("%q: the name does not come first", got)
	}
	for _, typo := range []string{"custmers", "custommers", "cuztomers", "csutomers"} {
		if found, got := find(search.Query{Text: typo}); !found.Corrected || !slices.Equal(got, []string{"customers"}) {
			t.Errorf("%s: %q", typo, got)
		}
	}
	if found, got := find(search.Query{Text: "sales", Limit: 1}); !found.More || len(got) != 1 {
		t.Errorf("limit 1: %q, more %t", got, found.More)
	}
	for _, hostile := range []string{"\x00", "sales\x00", "' OR 1=1 --", "a & | ! <-> :* ()", `\'`, `"`, "a:*:A", "\xff\xfe", strings.Repeat("sales ", 5000), strings.Repeat("x", 10_000), strings.Repeat("é", 10_000), "🙂", "\u202e", "%_", "{}[]^~?*", "ﷺ"} {
		find(search.Query{Text: hostile})
		find(search.Query{Text: "sales", Filter: search.Filter{Tag: hostile, Domain: hostile, Column: hostile, Term: hostile}})
	}
	wide := search.Document{Name: "wide", Description: strings.Repeat("всё иначе ", 20_000)}
	for i := range 6000 {
		wide.Columns = append(wide.Columns, fmt.Sprintf("Ж%d%s", i, strings.Repeat("ж", 250)))
		wide.Readers = append(wide.Readers, "share/"+uuid.NewString())
	}
	wide.Readers[0] = "member/1"
	put(wide)
	if _, got := find(search.Query{Text: "иначе", Filter: search.Filter{Column: wide.Columns[0]}}); !slices.Equal(got, []string{"wide"}) {
		t.Errorf("a wide document: %q", got)
	}
	for _, prefix := range []string{"ж1", "ж10", "ж10ж"} { // of many, several and one of its words
		if _, got := find(search.Query{Text: prefix}); !slices.Equal(got, []string{"wide"}) {
			t.Errorf("%s: %q", prefix, got)
		}
	}
	replaced := search.Document{ID: gone, Name: "back", Kind: "table", Readers: []string{"member/1"}}
	names[gone] = "back"
	for i := range 3 {
		replaced.Description = fmt.Sprint("edition", i)
		if err := index.Put(t.Context(), replaced); err != nil {
			t.Fatal(err)
		}
	}
	if _, got := find(search.Query{Text: "edition1"}); len(got) != 0 {
		t.Errorf("a replaced description is found: %q", got)
	}
	if _, got := find(search.Query{Text: "edition2 back"}); !slices.Equal(got, []string{"back"}) {
		t.Errorf("the new description: %q", got)
	}
}
