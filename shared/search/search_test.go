package search_test

import (
	"context"
	"errors"
	"testing"

	"function/shared/database"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/search"
	"function/shared/search/searchtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	searchtest.Run(t, search.InDatabase(outbox.New(p.DB(database.Datasets), "test", nil)))
}

func TestMark_EscapesAndMarksWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text  string
		words []string
		want  string
		any   bool
	}{
		{"Sales <b>orders</b> & more", []string{"order"}, "Sales &lt;b&gt;<mark>orders</mark>&lt;/b&gt; &amp; more", true},
		{"Größe ÜBER", []string{"grosse", "uber"}, "<mark>Größe</mark> <mark>ÜBER</mark>", true},
		{"customerEmail", []string{"email"}, "customer<mark>Email</mark>", true},
		{"東京", []string{"京"}, "東<mark>京</mark>", true},
		{"", []string{"a"}, "", false},
		{"\xff<", []string{"a"}, "\xff&lt;", false},
	} {
		if got, any := search.Mark(test.text, test.words); got != test.want || any != test.any {
			t.Errorf("%q: %q, %t", test.text, got, any)
		}
	}
}

// away is a server that does not answer.
type away struct{ search.Server }

func (away) Find(context.Context, string, search.Query) (search.Found, error) {
	return search.Found{}, errors.New("connection refused")
}

func TestServed_ServerAway_DatabaseAnswers(t *testing.T) {
	t.Parallel()
	db := outbox.New(platformtest.New(t).DB(database.Datasets), "test", nil)
	if err := db.Write(t.Context(), `INSERT INTO search_feeds (name, ready) VALUES ('datasets-2-test', true)`); err != nil {
		t.Fatal(err)
	}
	searchtest.Run(t, served{search.InDatabase(db), search.InServer(db, away{})})
}

type served struct {
	search.Postgres
	finder search.Finder
}

func (s served) Find(ctx context.Context, q search.Query) (search.Found, error) {
	return s.finder.Find(ctx, q)
}
