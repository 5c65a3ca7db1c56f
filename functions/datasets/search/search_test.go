package search_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/download"
	getusage "function/functions/datasets/get-usage"
	"function/functions/datasets/glossary"
	"function/functions/datasets/metadata"
	personaldata "function/functions/datasets/personal-data"
	"function/functions/datasets/policies"
	recordusage "function/functions/datasets/record-usage"
	"function/functions/datasets/search"
	setvisibility "function/functions/datasets/set-visibility"
	"function/functions/datasets/shares"
	"function/functions/datasets/undelete"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/problem"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declarations = append([]function.Declaration{
	search.Service, metadata.Service, glossary.Service, getusage.Service, recordusage.Service, download.Service,
	personaldata.Service, deletion.Service, undelete.Service, shares.Service, setvisibility.Service, policies.Service,
}, datasetstest.Lifecycle...)

func find(t *testing.T, p *platformtest.Platform, token, query string) []string {
	t.Helper()
	body := page(t, p, token, query)
	names := []string{}
	for _, item := range body.Items {
		names = append(names, item.Name)
	}
	if int(body.Total) != len(names) {
		t.Errorf("%s: %d items, total %d", query, len(names), body.Total)
	}
	slices.Sort(names)
	return names
}

type body struct {
	Items      []search.Item
	Total      int64
	More       bool
	Corrected  bool
	Facets     search.Facets
	NextCursor string `json:"next_cursor"`
}

func page(t *testing.T, p *platformtest.Platform, token, query string) body {
	t.Helper()
	return platformtest.Decode[body](t, p.Do(token, http.MethodGet, "/v1/datasets/search?"+query, nil).Want(t, http.StatusOK))
}

func change(p *platformtest.Platform, token string, id uuid.UUID, change map[string]any, headers ...string) platformtest.Answer {
	return p.Do(token, http.MethodPatch, "/v1/datasets/"+id.String()+"/metadata", change, headers...)
}

func TestSearch_FollowsMetadataAndRights(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	owner := p.Login("owner")
	viewer, stranger := p.LoginTo(owner.OrganizationID, "viewer"), p.Login("owner")
	sales := datasetstest.Create(t, p, owner.Token, "SalesOrders").ID
	plain := datasetstest.Create(t, p, owner.Token, "inventory").ID
	want := func(token, query string, names ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, names...), find(t, p, token, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	want(viewer.Token, "q=sales", "SalesOrders")
	want(viewer.Token, "q=test", "SalesOrders", "inventory")
	want(stranger.Token, "q=sales")

	// Columns of the current version, and values of those that are chosen.
	datasetstest.Upload(t, p, owner.Token, sales, "a.csv", "order_id,customer_email,city\n1,a@example.org,Zürich\n2,b@example.org,Zürich\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	want(viewer.Token, "q=email", "SalesOrders")
	want(viewer.Token, "column=CITY", "SalesOrders")
	want(viewer.Token, "q=zurich")
	terms := "/v1/datasets/glossary/terms/"
	p.Do(owner.Token, http.MethodPut, terms+"Net%20Revenue", map[string]any{"definition": "what is left", "synonyms": []string{"turnover"}}).Want(t, http.StatusOK)
	change(p, owner.Token, sales, map[string]any{
		"description": "Bestellungen <b>aller</b> Länder", "domain": "Commerce", "tags": []string{"gold", "gold"}, "terms": []string{"Net Revenue"}, "stewards": []uuid.UUID{viewer.UserID},
		"columns": map[string]any{"city": map[string]any{"description": "where it is sent", "tags": []string{"geo"}}}, "search_columns": []string{"city"},
	}, "If-Match", `"0"`).Want(t, http.StatusOK)
	change(p, owner.Token, sales, map[string]any{"domain": "x"}, "If-Match", `"0"`).Want(t, http.StatusPreconditionFailed)
	for _, query := range []string{"q=zurich", "q=lander", "q=turnover", "tag=gold", "tag=geo", "domain=commerce", "term=net%20revenue", "q=sent", "q=salse", "owner=" + owner.UserID.String() + "&tag=gold"} {
		want(viewer.Token, query, "SalesOrders")
	}
	got := page(t, p, viewer.Token, "q=bestell")
	if len(got.Items) != 1 || !cmp.Equal(got.Items[0].Highlights, []search.Highlight{{In: "description", HTML: "<mark>Bestellungen</mark> &lt;b&gt;aller&lt;/b&gt; Länder"}}) {
		t.Errorf("highlights: %+v", got.Items)
	}
	all := page(t, p, viewer.Token, "limit=1")
	if all.Total != 2 || all.NextCursor == "" || !cmp.Equal(all.Facets.Tag, []search.Count{{Value: "geo", Count: 1}, {Value: "gold", Count: 1}}) || !cmp.Equal(all.Facets.Kind, []search.Count{{Value: "table", Count: 2}}) {
		t.Errorf("the first page: %+v", all)
	}
	rest := page(t, p, viewer.Token, "limit=1&cursor="+all.NextCursor)
	if rest.Total != 2 || rest.NextCursor != "" || len(rest.Items) != 1 || rest.Items[0].ID == all.Items[0].ID {
		t.Errorf("the second page: %+v", rest)
	}
	suggested := platformtest.Decode[struct{ Items []search.Suggestion }](t, p.Do(viewer.Token, http.MethodGet, "/v1/datasets/suggest?q=cust", nil).Want(t, http.StatusOK))
	if !cmp.Equal(suggested.Items, []search.Suggestion{{Text: "customer_email", In: "column", Datasets: 1}}) {
		t.Errorf("suggestions: %+v", suggested.Items)
	}

	// A term is kept while data sets have it; upper and lower case make no second term.
	if a := p.Do(owner.Token, http.MethodDelete, terms+"Net%20Revenue", nil).Want(t, http.StatusConflict); !strings.HasPrefix(platformtest.Decode[problem.Problem](t, a).Detail, "1 data sets") {
		t.Errorf("%s", a.Body)
	}
	p.Do(owner.Token, http.MethodPut, terms+"net%20revenue", map[string]any{"definition": "x"}).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodPut, terms+"Net%20Revenue", map[string]any{"definition": "what is left", "synonyms": []string{"proceeds"}}).Want(t, http.StatusOK)
	want(viewer.Token, "q=turnover")
	want(viewer.Token, "q=proceeds", "SalesOrders")
	change(p, owner.Token, sales, map[string]any{"terms": []string{"Undefined"}}).Want(t, http.StatusUnprocessableEntity)
	change(p, owner.Token, sales, map[string]any{"columns": map[string]any{"City": map[string]any{"description": "x"}}}).Want(t, http.StatusUnprocessableEntity)
	change(p, viewer.Token, sales, map[string]any{"domain": "x"}).Want(t, http.StatusForbidden)

	// A policy hides values from searches.
	policy := "/v1/datasets/" + sales.String() + "/policies/hide"
	p.Do(owner.Token, http.MethodPut, policy, map[string]any{"masks": []any{map[string]any{"column": "CITY", "with": "null"}}}).Want(t, http.StatusOK)
	want(owner.Token, "q=zurich")
	p.Do(owner.Token, http.MethodDelete, policy, nil).Want(t, http.StatusNoContent)
	want(owner.Token, "q=zurich", "SalesOrders")

	// Restricted, owned by another, shared, no longer shared, deleted and brought back.
	set := func(restricted bool) {
		t.Helper()
		p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+sales.String()+"/visibility", map[string]any{"restricted": restricted}).Want(t, http.StatusOK)
	}
	set(true)
	want(viewer.Token, "q=sales")
	want(owner.Token, "q=sales", "SalesOrders")
	change(p, owner.Token, sales, map[string]any{"owner": viewer.UserID}).Want(t, http.StatusOK)
	want(viewer.Token, "q=sales", "SalesOrders")
	change(p, owner.Token, sales, map[string]any{"owner": owner.UserID}).Want(t, http.StatusOK)
	want(viewer.Token, "q=sales")
	shares := "/v1/datasets/" + sales.String() + "/shares"
	share := platformtest.Decode[struct{ ID uuid.UUID }](t, p.Do(owner.Token, http.MethodPost, shares, map[string]any{
		"grantee_kind": "organization", "grantee_id": stranger.OrganizationID, "purpose": "forecast", "expires_at": "2999-01-01T00:00:00Z",
	}).Want(t, http.StatusOK))
	want(stranger.Token, "q=sales", "SalesOrders")
	want(viewer.Token, "q=sales")
	p.Do(owner.Token, http.MethodDelete, shares+"/"+share.ID.String(), nil).Want(t, http.StatusNoContent)
	want(stranger.Token, "q=sales")
	set(false)

	// Renamed columns of a new version.
	datasetstest.Upload(t, p, owner.Token, sales, "a.csv", "order_id,town\n1,Bern\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)
	want(viewer.Token, "q=email")
	want(viewer.Token, "tag=geo")
	want(viewer.Token, "q=town", "SalesOrders")
	stored := platformtest.Decode[metadata.Metadata](t, p.Do(viewer.Token, http.MethodGet, "/v1/datasets/"+sales.String()+"/metadata", nil).Want(t, http.StatusOK))
	if !stored.Columns["city"].Missing || stored.Domain != "Commerce" || !slices.Equal(stored.Tags, []string{"gold"}) {
		t.Errorf("metadata: %+v", stored)
	}

	p.Do(owner.Token, http.MethodDelete, "/v1/datasets/"+plain.String(), nil).Want(t, http.StatusNoContent)
	want(viewer.Token, "", "SalesOrders")
	p.Do(owner.Token, http.MethodPost, "/v1/datasets/"+plain.String()+"/undelete", nil).Want(t, http.StatusOK)
	want(viewer.Token, "", "SalesOrders", "inventory")

	// Who reads it, and what that does to its place.
	read := platformtest.Event(events.DatasetsRead{DatasetIDs: []uuid.UUID{plain, uuid.New()}, UserID: viewer.UserID, OrganizationID: owner.OrganizationID})
	for range 2 { // delivered twice
		platformtest.Deliver(p, "datasets-record-usage", read).Want(t, http.StatusNoContent)
	}
	p.Do(viewer.Token, http.MethodGet, "/v1/datasets/"+sales.String()+"/download", nil).Want(t, http.StatusOK)
	type used struct {
		Queries, Downloads int64
		Popularity         float64
		Readers            []getusage.Reader
	}
	of := func(token string, id uuid.UUID) used {
		t.Helper()
		return platformtest.Decode[used](t, p.Do(token, http.MethodGet, "/v1/datasets/"+id.String()+"/usage", nil).Want(t, http.StatusOK))
	}
	if diff := cmp.Diff(used{Queries: 1, Popularity: 1, Readers: []getusage.Reader{{UserID: viewer.UserID, Counts: getusage.Counts{Queries: 1}}}}, of(owner.Token, plain)); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(used{Downloads: 1, Popularity: 1}, of(viewer.Token, sales)); diff != "" {
		t.Errorf("usage for a viewer (-want +got):\n%s", diff)
	}
	if top := page(t, p, viewer.Token, "q=inventory"); len(top.Items) != 1 || top.Items[0].Popularity != 1 {
		t.Errorf("popularity: %+v", top.Items)
	}
}

func TestSearch_PersonalData_FollowsWhatIsFoundAndDecided(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	owner, stranger := p.Login("owner"), p.Login("owner")
	sales := datasetstest.Create(t, p, owner.Token, "sales").ID
	datasetstest.Create(t, p, owner.Token, "stock")
	decide := func(column string, personal bool) {
		t.Helper()
		p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+sales.String()+"/personal-data", map[string]any{"column": column, "personal": personal}).Want(t, http.StatusOK)
	}
	want := func(query string, names ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{}, names...), find(t, p, owner.Token, query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	want("personal=any")
	var rows strings.Builder
	for i := range 40 {
		fmt.Fprintf(&rows, "%d,person%d@example.org,%d\n", i, i, i*3)
	}
	datasetstest.Upload(t, p, owner.Token, sales, "a.csv", "order_id,contact_email,amount\n"+rows.String()).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	want("personal=any", "sales")
	want("personal=email&q=sales", "sales")
	want("personal=iban")
	if got := find(t, p, stranger.Token, "personal=any"); len(got) != 0 {
		t.Errorf("a stranger finds %q", got)
	}
	all := page(t, p, owner.Token, "")
	if !cmp.Equal(all.Facets.Personal, []search.Count{{Value: "email", Count: 1}}) || len(all.Items) != 2 {
		t.Errorf("facet: %+v", all.Facets.Personal)
	}
	for _, item := range all.Items {
		if want := map[string][]string{"sales": {"email"}, "stock": {}}[item.Name]; !cmp.Equal(item.Personal, want) {
			t.Errorf("%s: %q", item.Name, item.Personal)
		}
	}
	decide("contact_email", false)
	want("personal=any")
	decide("amount", true)
	want("personal=other", "sales")
	want("personal=email")
	decide("contact_email", true)
	want("personal=email", "sales")
	p.Do(owner.Token, http.MethodGet, "/v1/datasets/search?personal=x", nil).Want(t, http.StatusUnprocessableEntity)
}

func TestTidy_ForgetsWordsOfDeletedDataSets(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	c := p.Login("owner")
	gone := datasetstest.Create(t, p, c.Token, "zebra_shared").ID
	datasetstest.Create(t, p, c.Token, "shared_kept")
	words := func() string {
		t.Helper()
		var words string
		if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT coalesce(string_agg(DISTINCT word, ' ' ORDER BY word), '') FROM search_vocabulary`).Scan(&words); err != nil {
			t.Fatal(err)
		}
		return words
	}
	if got := words(); got != "a kept shared test zebra" {
		t.Errorf("words %q", got)
	}
	p.Do(c.Token, http.MethodDelete, "/v1/datasets/"+gone.String(), nil).Want(t, http.StatusNoContent)
	p.Wake("datasets-record-usage").Want(t, http.StatusNoContent)
	if got := words(); got != "a kept shared test" {
		t.Errorf("words %q after a deletion", got)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM search_words_gone`); n != 0 {
		t.Errorf("%d words are left", n)
	}
	if got := find(t, p, c.Token, "q=sha"); !slices.Equal(got, []string{"shared_kept"}) {
		t.Errorf("%q", got)
	}
}

func TestSearch_HostileInput_IsNoError(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	c := p.Login("owner")
	datasetstest.Create(t, p, c.Token, "sales")
	for _, text := range []string{"\x00", "sales\x00", "' OR 1=1 --", "a & | ! <-> :* ()", `\'"`, "\xff\xfe", strings.Repeat("sales ", 1700), strings.Repeat("x", 10_000), "🙂", "%_", "../..", "\u202e", "null"} {
		for _, member := range []string{"q", "tag", "term", "domain", "column"} {
			a := p.Do(c.Token, http.MethodGet, "/v1/datasets/search?"+member+"="+url.QueryEscape(text), nil)
			if a.Status != http.StatusOK && !(member != "q" && len(text) > 100 && a.Status == http.StatusUnprocessableEntity) {
				t.Errorf("%s=%.40q: %d %.200s", member, text, a.Status, a.Body)
			}
		}
	}
	for _, cursor := range []string{"x", "e30", "eyJTY29yZSI6MWU5OTl9", "bnVsbA"} {
		p.Do(c.Token, http.MethodGet, "/v1/datasets/search?cursor="+cursor, nil).Want(t, http.StatusUnprocessableEntity)
	}
}

func TestTidy_DeletesOldCountsAndRefreshesHotDocuments(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	c := p.Login("owner")
	id := datasetstest.Create(t, p, c.Token, "sales").ID
	db := p.DB(database.Datasets)
	for _, statement := range []string{
		`INSERT INTO dataset_usage (dataset_id, day, user_id, queries) SELECT $1, (now() AT TIME ZONE 'UTC')::date - age, $1, 1 FROM unnest(ARRAY[0, 399, 402]) age`,
		`UPDATE search_documents SET hot = false WHERE id = $1`,
		`UPDATE search_changes SET at = now() - interval '2 days' WHERE id = $1`,
	} {
		if _, err := db.Exec(t.Context(), statement, id); err != nil {
			t.Fatal(err)
		}
	}
	find(t, p, c.Token, "q=sales") // what is not hot is found too
	p.Wake("datasets-record-usage").Want(t, http.StatusNoContent)
	var rows, changes int
	var hot bool
	if err := db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM dataset_usage), (SELECT count(*) FROM search_changes), (SELECT hot FROM search_documents WHERE id = $1)`, id).Scan(&rows, &changes, &hot); err != nil || rows != 2 || changes != 0 || !hot {
		t.Errorf("%d days of usage, %d changes, hot %t, %v", rows, changes, hot, err)
	}
}

func TestRefreshHotDocuments_KeepsNewestAndMostPopular(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	c := p.Login("owner")
	db := p.DB(database.Datasets)
	var ids []uuid.UUID
	for _, name := range []string{"first", "second", "third", "fourth"} {
		ids = append(ids, datasetstest.Create(t, p, c.Token, name).ID)
	}
	for i, reads := range []float64{5, 900} { // the older reads are worth less now
		if _, err := db.Exec(t.Context(), `INSERT INTO dataset_popularity (dataset_id, reads, at) VALUES ($1, $2, now() - $3::int * interval '300 days')`, ids[i], reads, i); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := db.Exec(t.Context(), `SELECT refresh_hot_documents(1, 1, 2)`); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := db.Query(t.Context(), `SELECT document ->> 'name' FROM search_documents WHERE hot ORDER BY id`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"first", "fourth"}, names); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if found := find(t, p, c.Token, "q=second"); len(found) != 1 {
		t.Errorf("%q", found)
	}
}
