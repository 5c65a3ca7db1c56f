package elastic_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/outbox"
	"function/shared/platformtest"
	"function/shared/search"
	"function/shared/search/elastic"
	"function/shared/search/searchtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// open opens a real Elasticsearch or OpenSearch.
func open(t *testing.T) elastic.Server {
	t.Helper()
	server, err := elastic.Open(platformtest.OpenSearch(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// index is a search.Index of the server alone.
type index struct {
	elastic.Server
	name string
}

func (i index) Put(ctx context.Context, d search.Document) error {
	return i.Apply(ctx, i.name, search.Change{ID: d.ID, Document: &d})
}

func (i index) Delete(ctx context.Context, id uuid.UUID) error {
	return i.Apply(ctx, i.name, search.Change{ID: id})
}

func (i index) Find(ctx context.Context, q search.Query) (search.Found, error) {
	return i.Server.Find(ctx, i.name, q)
}

func create(t *testing.T) index {
	t.Helper()
	i := index{open(t), "test-" + uuid.NewString()}
	if err := i.Create(t.Context(), i.name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Drop(context.Background(), i.name) })
	return i
}

func TestServer(t *testing.T) {
	t.Parallel()
	searchtest.Run(t, create(t))
}

func TestApply_OlderRevision_IsIgnored(t *testing.T) {
	t.Parallel()
	i, id := create(t), uuid.New()
	document := func(name string) *search.Document {
		return &search.Document{ID: id, Kind: "table", Name: name, Readers: []string{"member/1"}}
	}
	find := func(text string) int {
		t.Helper()
		found, err := i.Find(t.Context(), search.Query{Text: text, Readers: []string{"member/1"}, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Matches)
	}
	for _, c := range []search.Change{{Revision: 5, Document: document("fifth")}, {Revision: 4, Document: document("fourth")}, {Revision: 3}} {
		c.ID = id
		if err := i.Apply(t.Context(), i.name, c); err != nil {
			t.Fatal(err)
		}
	}
	if find("fifth") != 1 || find("fourth") != 0 {
		t.Error("an older revision replaced a newer one")
	}
	for _, c := range []search.Change{{ID: id, Revision: 7}, {ID: id, Revision: 6, Document: document("sixth")}} {
		if err := i.Apply(t.Context(), i.name, c); err != nil {
			t.Fatal(err)
		}
	}
	if find("sixth") != 0 {
		t.Error("a deleted document is back")
	}
}

// served is a search.Index whose documents the server has if each change is fed, and the database otherwise.
type served struct {
	search.Postgres
	search.Finder
	put func()
}

func (s served) Find(ctx context.Context, q search.Query) (search.Found, error) {
	return s.Finder.Find(ctx, q)
}

func (s served) Put(ctx context.Context, d search.Document) error {
	defer s.put()
	return s.Postgres.Put(ctx, d)
}

func TestServed(t *testing.T) {
	t.Parallel()
	for name, every := range map[string]int{"fed at once": 1, "half of the changes are not fed yet": 2, "nothing is fed yet": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := open(t)
			db := outbox.New(platformtest.New(t).DB(database.Datasets), "test", nil)
			feed := search.Feed{DB: db, Server: server}
			run := func() {
				if err := feed.Run(context.Background(), time.Now().Add(time.Minute)); err != nil {
					t.Error(err)
				}
			}
			run()
			n := 0
			searchtest.Run(t, served{search.InDatabase(db), search.InServer(db, server), func() {
				if n++; n%every == 0 {
					run()
				}
			}})
			drop(t, db, server)
		})
	}
}

func drop(t *testing.T, db *outbox.DB, server elastic.Server) {
	t.Helper()
	var names []string
	if err := db.QueryRow(context.Background(), `SELECT array_agg(name) FROM search_feeds`).Scan(&names); err != nil {
		t.Error(err)
	}
	for _, name := range names {
		_ = server.Drop(context.Background(), name)
	}
}

func TestRebuild_ReplacesTheIndexWhenFilled(t *testing.T) {
	t.Parallel()
	server := open(t)
	db := outbox.New(platformtest.New(t).DB(database.Datasets), "test", nil)
	feed, index := search.Feed{DB: db, Server: server}, search.InDatabase(db)
	var ids []uuid.UUID
	for range 1200 {
		d := search.Document{ID: uuid.Must(uuid.NewV7()), Kind: "table", Name: "sales", Readers: []string{"member/1"}}
		ids = append(ids, d.ID)
		if err := index.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := feed.Run(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	names := func() (names []string) {
		t.Helper()
		if err := db.QueryRow(t.Context(), `SELECT array_agg(name ORDER BY name) FROM search_feeds WHERE ready`).Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names
	}
	first := names()
	if err := feed.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := index.Delete(t.Context(), ids[7]); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, first) {
		t.Errorf("%q answers before it is filled, instead of %q", got, first)
	}
	if err := feed.Run(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	second := names()
	if len(second) != 1 || slices.Equal(first, second) {
		t.Fatalf("%q replaced %q", second, first)
	}
	found, err := server.Find(t.Context(), second[0], search.Query{Text: "sales", Readers: []string{"member/1"}, Limit: 2000})
	if err != nil || len(found.Matches) != 1199 {
		t.Errorf("%d matches, %v", len(found.Matches), err)
	}
	if _, err := server.Find(t.Context(), first[0], search.Query{Readers: []string{"member/1"}, Limit: 1}); err == nil {
		t.Error("the replaced index is still there")
	}
	drop(t, db, server)
}
