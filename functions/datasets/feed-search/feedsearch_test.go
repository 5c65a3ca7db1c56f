package feedsearch_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	feedsearch "function/functions/datasets/feed-search"
	"function/functions/datasets/metadata"
	rebuildsearch "function/functions/datasets/rebuild-search"
	"function/functions/datasets/search"
	setvisibility "function/functions/datasets/set-visibility"
	"function/functions/datasets/shares"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
	index "function/shared/search"
	"function/shared/search/elastic"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declarations = append([]function.Declaration{
	search.Service, feedsearch.Service, deletion.Service, shares.Service, setvisibility.Service, metadata.Service,
}, datasetstest.Lifecycle...)

// site is a platform with a search server, which it reaches through a proxy.
type site struct {
	*platformtest.Platform
	server elastic.Server
	t      *testing.T

	mu      sync.Mutex
	away    bool
	bulks   func() // is called before the server applies changes
	queries int    // that the server got
}

func newSite(t *testing.T) *site {
	t.Helper()
	address := platformtest.OpenSearch(t)
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t}
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		away, bulks := s.away, s.bulks
		if strings.HasSuffix(r.URL.Path, "/_search") && !away {
			s.queries++
		}
		s.mu.Unlock()
		if away {
			panic(http.ErrAbortHandler) // closes the connection
		}
		if bulks != nil && strings.HasPrefix(r.URL.Path, "/_bulk") {
			bulks()
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	s.Platform = platformtest.NewWith(t, func(c *function.Config) { c.SearchURL = proxy.URL }, declarations...)
	if s.server, err = elastic.Open(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range s.indexes("") {
			_ = s.server.Drop(context.Background(), name)
		}
		_ = s.server.Close()
	})
	return s
}

func (s *site) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *site) feed() {
	s.t.Helper()
	s.Wake("datasets-feed-search").Want(s.t, http.StatusNoContent)
}

func (s *site) indexes(condition string) (names []string) {
	s.t.Helper()
	if err := s.DB(database.Datasets).QueryRow(context.Background(), `SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM search_feeds `+condition).Scan(&names); err != nil {
		s.t.Error(err)
	}
	return names
}

// held returns the identifiers that the server has for a text, whatever the database says.
func (s *site) held(text string, readers ...string) []uuid.UUID {
	s.t.Helper()
	ready := s.indexes("WHERE ready")
	if len(ready) != 1 {
		s.t.Fatalf("the indexes %q are ready, want one", ready)
	}
	found, err := s.server.Find(s.t.Context(), ready[0], index.Query{Text: text, Readers: readers, Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	ids := make([]uuid.UUID, len(found.Matches))
	for i, m := range found.Matches {
		ids[i] = m.ID
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func (s *site) names(token, query string) []string {
	s.t.Helper()
	page := platformtest.Decode[struct{ Items []struct{ Name string } }](s.t, s.Do(token, http.MethodGet, "/v1/datasets/search?limit=100&"+query, nil).Want(s.t, http.StatusOK))
	names := []string{}
	for _, item := range page.Items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return names
}

func (s *site) want(token, query string, names ...string) {
	s.t.Helper()
	if diff := cmp.Diff(append([]string{}, names...), s.names(token, query)); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

func (s *site) describe(token string, id uuid.UUID, text string) {
	s.t.Helper()
	s.Do(token, http.MethodPatch, "/v1/datasets/"+id.String()+"/metadata", map[string]any{"description": text}).Want(s.t, http.StatusOK)
}

func (s *site) unfed() int {
	s.t.Helper()
	return datasetstest.Count(s.t, s.Platform, `SELECT count(*) FROM search_changes`)
}

func TestFeed_Twice_ServerHasEachChangeOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.Login("owner")
	reader := "member/" + owner.OrganizationID.String()
	sales := datasetstest.Create(t, s.Platform, owner.Token, "sales").ID
	stock := datasetstest.Create(t, s.Platform, owner.Token, "stock").ID
	s.feed()
	s.feed()
	if got := s.held("", reader); len(got) != 2 || s.unfed() != 0 {
		t.Errorf("the server has %v, and %d changes are left", got, s.unfed())
	}
	before := s.queries
	s.want(owner.Token, "q=sales", "sales")
	if s.queries == before {
		t.Error("the server was not asked")
	}
	s.describe(owner.Token, sales, "renewed")
	s.want(owner.Token, "q=renewed", "sales") // before it is fed
	if got := s.held("renewed", reader); len(got) != 0 {
		t.Errorf("the server has %v before it is fed", got)
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { s.Wake("datasets-feed-search").Want(t, http.StatusNoContent) })
	}
	group.Wait()
	if got := s.held("renewed", reader); !slices.Equal(got, []uuid.UUID{sales}) {
		t.Errorf("the server has %v", got)
	}
	s.want(owner.Token, "q=renewed", "sales")
	s.Do(owner.Token, http.MethodDelete, "/v1/datasets/"+stock.String(), nil).Want(t, http.StatusNoContent)
	s.feed()
	s.feed()
	if got := s.held("", reader); !slices.Equal(got, []uuid.UUID{sales}) {
		t.Errorf("the server has %v after a deletion", got)
	}
}

func TestFeed_DelayedRunAppliesOlderState_NewerStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.Login("owner")
	reader := "member/" + owner.OrganizationID.String()
	kept := datasetstest.Create(t, s.Platform, owner.Token, "kept").ID
	gone := datasetstest.Create(t, s.Platform, owner.Token, "gone").ID
	s.feed()
	s.describe(owner.Token, kept, "older")
	s.describe(owner.Token, gone, "older")
	arrived, proceed := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(arrived); <-proceed })
	first := true
	s.set(func() {
		s.bulks = func() {
			s.mu.Lock()
			mine := first
			first = false
			s.mu.Unlock()
			if mine {
				hold()
			}
		}
	})
	var delayed sync.WaitGroup
	delayed.Go(func() { s.Wake("datasets-feed-search").Want(t, http.StatusNoContent) })
	<-arrived
	s.describe(owner.Token, kept, "newer")
	s.Do(owner.Token, http.MethodDelete, "/v1/datasets/"+gone.String(), nil).Want(t, http.StatusNoContent)
	s.feed()
	close(proceed)
	delayed.Wait()
	if got := s.held("newer", reader); !slices.Equal(got, []uuid.UUID{kept}) {
		t.Errorf("newer: the server has %v", got)
	}
	if got := s.held("older", reader); len(got) != 0 {
		t.Errorf("older: the server has %v", got)
	}
	s.want(owner.Token, "", "kept")
	if n := s.unfed(); n != 0 {
		t.Errorf("%d changes are left", n)
	}
}

func TestFeed_ServerAwayAndBack_NothingIsLost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.Login("owner")
	reader := "member/" + owner.OrganizationID.String()
	sales := datasetstest.Create(t, s.Platform, owner.Token, "sales").ID
	s.set(func() { s.away = true })
	if a := s.Wake("datasets-feed-search"); a.Status < 500 {
		t.Errorf("without a server: %d %s", a.Status, a.Body)
	}
	s.want(owner.Token, "q=sales", "sales")
	s.set(func() { s.away = false })
	s.feed()
	s.set(func() { s.away = true })
	s.describe(owner.Token, sales, "meanwhile")
	later := datasetstest.Create(t, s.Platform, owner.Token, "later").ID
	if a := s.Wake("datasets-feed-search"); a.Status < 500 {
		t.Errorf("without a server: %d %s", a.Status, a.Body)
	}
	s.want(owner.Token, "q=meanwhile", "sales")
	s.want(owner.Token, "", "later", "sales")
	s.set(func() { s.away = false })
	s.feed()
	if got := s.held("meanwhile", reader); !slices.Equal(got, []uuid.UUID{sales}) || !slices.Contains(s.held("", reader), later) || s.unfed() != 0 {
		t.Errorf("the server has %v and %v, and %d changes are left", got, s.held("", reader), s.unfed())
	}
	s.want(owner.Token, "", "later", "sales")
}

func TestRebuild_WhileDatasetsChange_IndexIsComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.Login("owner")
	reader := "member/" + owner.OrganizationID.String()
	var ids []uuid.UUID
	for i := range 12 {
		ids = append(ids, datasetstest.Create(t, s.Platform, owner.Token, fmt.Sprint("before_", i)).ID)
	}
	s.feed()
	first := s.indexes("WHERE ready")
	if err := rebuildsearch.Command.Run(t.Context(), s.Env, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.indexes("WHERE ready"); !slices.Equal(got, first) {
		t.Errorf("%q answers before it is filled, instead of %q", got, first)
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range 12 {
			datasetstest.Create(t, s.Platform, owner.Token, fmt.Sprint("during_", i))
			s.describe(owner.Token, ids[i], "changed")
			if i%3 == 0 {
				s.Do(owner.Token, http.MethodDelete, "/v1/datasets/"+ids[i].String(), nil).Want(t, http.StatusNoContent)
			}
		}
	})
	for range 4 {
		s.feed()
		if got := s.names(owner.Token, "q=before"); len(got) < 8 {
			t.Errorf("%d data sets are found during the rebuild", len(got))
		}
	}
	writers.Wait()
	s.feed()
	if got := s.indexes(""); len(got) != 1 || slices.Equal(got, first) {
		t.Errorf("the indexes are %q, before %q", got, first)
	}
	for text, want := range map[string]string{"": "true", "changed": "document ->> 'description' = 'changed'", "during": "document ->> 'name' LIKE 'during%'"} {
		var stored []uuid.UUID
		if err := s.DB(database.Datasets).QueryRow(t.Context(), `SELECT array_agg(id ORDER BY id) FROM search_documents WHERE `+want).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(stored, s.held(text, reader)); diff != "" {
			t.Errorf("%q (-database +server):\n%s", text, diff)
		}
	}
	if n := s.unfed(); n != 0 {
		t.Errorf("%d changes are left", n)
	}
}

func TestSearch_UnsharedOrDeletedButStillInTheServer_IsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner, other := s.Login("owner"), s.Login("owner")
	viewer := s.LoginTo(owner.OrganizationID, "viewer")
	reader, grantee := "member/"+owner.OrganizationID.String(), "share/"+other.OrganizationID.String()
	shared := datasetstest.Create(t, s.Platform, owner.Token, "forecast_shared").ID
	deleted := datasetstest.Create(t, s.Platform, owner.Token, "forecast_deleted").ID
	restricted := datasetstest.Create(t, s.Platform, owner.Token, "forecast_restricted").ID
	path := "/v1/datasets/" + shared.String() + "/shares"
	share := platformtest.Decode[struct{ ID uuid.UUID }](t, s.Do(owner.Token, http.MethodPost, path, map[string]any{
		"grantee_kind": "organization", "grantee_id": other.OrganizationID, "purpose": "forecast", "expires_at": "2999-01-01T00:00:00Z",
	}).Want(t, http.StatusOK))
	s.feed()
	s.want(other.Token, "q=forecast", "forecast_shared")
	s.want(viewer.Token, "q=forecast", "forecast_deleted", "forecast_restricted", "forecast_shared")

	s.Do(owner.Token, http.MethodDelete, path+"/"+share.ID.String(), nil).Want(t, http.StatusNoContent)
	s.Do(owner.Token, http.MethodDelete, "/v1/datasets/"+deleted.String(), nil).Want(t, http.StatusNoContent)
	s.Do(owner.Token, http.MethodPut, "/v1/datasets/"+restricted.String()+"/visibility", map[string]any{"restricted": true}).Want(t, http.StatusOK)
	if mine, theirs := s.held("forecast", reader), s.held("forecast", grantee); len(mine) != 3 || len(theirs) != 1 {
		t.Fatalf("the server has %v and %v: it was fed", mine, theirs)
	}
	gone := func() {
		t.Helper()
		for _, query := range []string{"q=forecast", "", "q=forecast&kind=table"} {
			s.want(other.Token, query)
			s.want(viewer.Token, query, "forecast_shared")
		}
	}
	gone()
	// The database decides, even if the record of the changes is lost.
	if _, err := s.DB(database.Datasets).Exec(t.Context(), `DELETE FROM search_changes`); err != nil {
		t.Fatal(err)
	}
	gone()
}
