package versions_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/query"
	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/diff"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/version"
	mergebranch "function/functions/datasets/merge-branch"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/retry"
	"function/functions/datasets/tags"
	"function/functions/datasets/undelete"
	"function/functions/datasets/versions"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/resultset"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	versions.Service, restoreversion.Service, tags.Service, branches.Service, mergebranch.Service, diff.Service, undelete.Service,
	download.Service, deletion.Service, retry.Service, query.Service,
}, datasetstest.Lifecycle...)

// history is a data set and what the test does to it.
type history struct {
	*testing.T
	p        *platformtest.Platform
	token    string
	id       uuid.UUID
	profiled int
}

func begin(t *testing.T) *history {
	p := platformtest.New(t, walk...)
	token := p.Login("owner").Token
	return &history{T: t, p: p, token: token, id: datasetstest.Create(t, p, token, "sales").ID}
}

// upload adds a version with query parameters such as "operation=append".
func (h *history) upload(parameters, csv string) {
	h.Helper()
	body, contentType := datasetstest.Form(h, "file", "a.csv", "", csv)
	h.p.Do(h.token, http.MethodPost, h.path("/upload?"+parameters), body, "Content-Type", contentType).Want(h, http.StatusCreated)
	h.profile()
}

// profile runs the next job.
func (h *history) profile() {
	h.Helper()
	h.profiled++
	datasetstest.Profile(h, h.p, h.profiled)
}

func (h *history) path(rest string) string { return "/v1/datasets/" + h.id.String() + rest }

func (h *history) call(method, rest string, body any, status int) platformtest.Answer {
	h.Helper()
	return h.p.Do(h.token, method, h.path(rest), body).Want(h, status)
}

// rows selects rows of the data set in SQL, as "a1 b2", or returns the problem's detail.
func (h *history) rows(from string) string {
	h.Helper()
	answer := h.p.Do(h.token, http.MethodPost, "/v1/analytics/query", map[string]any{"database": "datasets", "query": "SELECT id || v FROM " + from + " ORDER BY id"})
	if answer.Status != http.StatusOK {
		return string(answer.Body)
	}
	var list []string
	for _, row := range platformtest.Decode[resultset.Set](h, answer).Rows {
		list = append(list, fmt.Sprint(row[0]))
	}
	return strings.Join(list, " ")
}

func (h *history) want(from, rows string) {
	h.Helper()
	if got := h.rows(from); got != rows {
		h.Errorf("%s has the rows %q, want %q", from, got, rows)
	}
}

func (h *history) version(number int) version.Version {
	h.Helper()
	return platformtest.Decode[version.Version](h, h.call(http.MethodGet, fmt.Sprintf("/versions/%d", number), nil, http.StatusOK))
}

func TestVersions_Operations_ChangeTheRowsOfTheBranch(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\nb,2\n")
	h.upload("operation=append", "id,v\nc,3\n")
	h.want("sales", "a1 b2 c3")
	h.upload("operation=upsert&key=id", "id,v\nb,9\nd,4\n")
	h.want("sales", "a1 b9 c3 d4")
	h.upload("operation=delete&key=id", "id\na\nx\n")
	h.want("sales", "b9 c3 d4")
	h.want("sales@1", "a1 b2")
	h.want(`"sales@2"`, "a1 b2 c3")
	h.want("sales@3 s JOIN sales USING (id, v)", "b9 c3 d4")

	h.call(http.MethodPost, "/versions/2/restore", map[string]any{"message": "the deletion was wrong"}, http.StatusCreated)
	h.want("sales", "a1 b2 c3")
	if v := h.version(5); v.Operation != version.Restore || *v.SourceVersion != 2 || *v.BaseVersion != 4 || !v.Current || *v.RowCount != 3 || v.Message == "" {
		t.Errorf("restored version %+v", v)
	}
	h.upload("operation=append", "id,v\ne,5\n")
	h.want("sales", "a1 b2 c3 e5")
	got := string(h.call(http.MethodGet, "/download?version=5", nil, http.StatusOK).Body)
	if got != "id,v\nc,3\n" {
		t.Errorf("the restored version's file is %q, want that of version 2", got)
	}
}

// An append whose values do not fit the columns changes nothing.
func TestVersions_MisfittingChanges_Fail(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\nb,2\n")
	for parameters, test := range map[string]struct{ csv, want string }{
		"operation=append":          {"id,v\nc,x\n", `"x" is not a valid BIGINT`},
		"operation=upsert&key=id":   {"id,v\nc,1\nc,2\n", "2 rows with the same key"},
		"operation=upsert&key=nope": {"id,v\nc,1\n", `no column "nope"`},
		"operation=delete&key=id":   {"id,v\na,1\n", "The file has 2 columns"},
		"operation=append&":         {"id\nc\n", `no column "v"`},
	} {
		h.upload(strings.TrimSuffix(parameters, "&"), test.csv)
		if got := datasetstest.Get(t, h.p, h.token, h.id); got.Status != "failed" || got.Failure == nil || !strings.Contains(*got.Failure, test.want) {
			t.Errorf("%s: status %s, failure %v, want %q", parameters, got.Status, got.Failure, test.want)
		}
		h.want("sales", "a1 b2")
	}
	h.call(http.MethodPost, "/versions/2/restore", map[string]any{}, http.StatusUnprocessableEntity)
	for _, parameters := range []string{"operation=upsert", "operation=append&key=id", "operation=mix", "branch=Main", "branch=none"} {
		body, contentType := datasetstest.Form(t, "file", "a.csv", "", "id,v\na,1\n")
		answer := h.p.Do(h.token, http.MethodPost, h.path("/upload?"+parameters), body, "Content-Type", contentType)
		if answer.Status != http.StatusUnprocessableEntity && answer.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", parameters, answer.Status, answer.Body)
		}
	}
}

// Changes apply in the order of their versions, however their jobs run.
func TestVersions_ConcurrentChanges_ApplyInOrder(t *testing.T) {
	t.Parallel()
	h := begin(t)
	send := func(parameters, csv string) {
		body, contentType := datasetstest.Form(t, "file", "a.csv", "", csv)
		h.p.Do(h.token, http.MethodPost, h.path("/upload?"+parameters), body, "Content-Type", contentType).Want(t, http.StatusCreated)
	}
	send("", "id,v\na,1\n")
	send("operation=append", "id,v\nb,2\n")
	send("operation=upsert&key=id", "id,v\nb,3\nc,3\n")
	send("operation=append", "id,v\nd,x\n") // fails
	send("operation=delete&key=id", "id\na\n")
	for range 5 {
		h.profile()
	}
	h.want("sales", "b3 c3")
	h.want("sales@3", "a1 b3 c3")
	h.call(http.MethodPost, "/versions/4/retry", nil, http.StatusConflict)
}

func TestVersions_ManyAppends_AreCompacted(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na0,0\n")
	want := []string{"a00"}
	for i := 1; i <= 34; i++ {
		h.upload("operation=append", fmt.Sprintf("id,v\na%d,0\n", i))
		want = append(want, fmt.Sprintf("a%d0", i))
	}
	slices.Sort(want)
	got := strings.Fields(h.rows("sales"))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if n := datasetstest.Count(t, h.p, `SELECT max(cardinality(inherited)) FROM dataset_versions`); n > 32 {
		t.Errorf("a version inherits %d tables", n)
	}
}

func TestBranches_MergeByKey(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\nb,2\nc,3\n")
	h.call(http.MethodPost, "/branches", map[string]any{"name": "fix"}, http.StatusCreated)
	h.call(http.MethodPost, "/branches", map[string]any{"name": "fix"}, http.StatusConflict)
	h.upload("branch=fix&operation=upsert&key=id", "id,v\nb,9\nd,4\n")
	h.upload("operation=delete&key=id", "id\nc\n")
	h.want("sales", "a1 b2")
	h.want("sales@fix", "a1 b9 c3 d4")
	if got := datasetstest.Get(t, h.p, h.token, h.id); got.Version != 3 || got.Status != "ready" || *got.ReadyVersion != 3 {
		t.Errorf("data set %+v shows a version of another branch", got)
	}

	merge := func(name, into, prefer string) {
		t.Helper()
		body := map[string]any{"key": []string{"id"}, "into": into}
		if prefer != "" {
			body["prefer"] = prefer
		}
		h.call(http.MethodPost, "/branches/"+name+"/merge", body, http.StatusAccepted)
		h.profile()
	}
	merge("fix", "main", "")
	h.want("sales", "a1 b9 d4")
	h.call(http.MethodPost, "/branches/fix/merge", map[string]any{"key": []string{"id"}}, http.StatusConflict) // nothing new
	merge("main", "fix", "")
	h.want("sales@fix", "a1 b9 d4")

	h.upload("branch=fix&operation=upsert&key=id", "id,v\na,5\n")
	h.upload("operation=upsert&key=id", "id,v\na,6\nb,7\n")
	merge("fix", "main", "")
	got := datasetstest.Get(t, h.p, h.token, h.id)
	if got.Failure == nil || !strings.Contains(*got.Failure, `changed 1 rows to different values, such as those with "id" = "a"`) {
		t.Fatalf("merge with a conflict: %+v", got)
	}
	h.want("sales", "a6 b7 d4")
	merge("fix", "main", "theirs")
	h.want("sales", "a5 b7 d4")
	h.call(http.MethodDelete, "/branches/fix", nil, http.StatusNoContent)
	h.call(http.MethodDelete, "/branches/main", nil, http.StatusConflict)
	h.call(http.MethodDelete, "/branches/fix", nil, http.StatusNotFound)
}

func TestTags_NameAVersion(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\n")
	h.call(http.MethodPut, "/tags/audited", map[string]any{"version": 1}, http.StatusOK)
	h.call(http.MethodPut, "/tags/audited", map[string]any{"version": 1}, http.StatusOK)
	h.upload("", "id,v\nb,2\n")
	h.want("sales@audited", "a1")
	h.call(http.MethodPut, "/tags/audited", map[string]any{"version": 2}, http.StatusConflict)
	h.call(http.MethodPut, "/tags/later", map[string]any{"version": 9}, http.StatusUnprocessableEntity)
	h.call(http.MethodPut, "/tags/main", map[string]any{"version": 1}, http.StatusUnprocessableEntity)
	h.call(http.MethodPut, "/tags/9x", map[string]any{"version": 1}, http.StatusUnprocessableEntity)
	h.call(http.MethodPost, "/branches", map[string]any{"name": "audited"}, http.StatusConflict)
	if v := h.version(1); !slices.Equal(v.Tags, []string{"audited"}) || v.Current {
		t.Errorf("tagged version %+v", v)
	}
	h.call(http.MethodDelete, "/tags/audited", nil, http.StatusNoContent)
	h.call(http.MethodDelete, "/tags/audited", nil, http.StatusNotFound)
	if got := h.rows("sales@audited"); !strings.Contains(got, "audited") {
		t.Errorf("a deleted tag is read: %s", got)
	}
}

func TestVersions_AtATime(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\n")
	h.upload("", "id,v\nb,2\n")
	if _, err := h.p.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_versions SET profiled_at = timestamptz '2026-01-01 12:00:00Z' + version * interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	h.want("sales@2026-01-03", "a1")
	h.want("sales@2026-01-04", "b2")
	h.want(`"sales@2026-01-02T12:00:00Z"`, "a1")
	h.want(`"sales@2026-01-03T13:00:00+01:00"`, "b2")
	for _, from := range []string{"sales@2026-01-01", "sales@2026-13-45", "sales@7", "sales@nothing"} {
		if got := h.rows(from); !strings.Contains(got, "422") {
			t.Errorf("%s: %s, want a refusal", from, got)
		}
	}
	h.call(http.MethodGet, "/versions/"+url.PathEscape("2026-01-02T12:00:00Z"), nil, http.StatusOK)
}

func TestVersions_List_ReturnsPagesOfABranch(t *testing.T) {
	t.Parallel()
	h := begin(t)
	for range 3 {
		h.upload("message=weekly", "id,v\na,1\n")
	}
	first := platformtest.Decode[page.Page[version.Version]](t, h.call(http.MethodGet, "/versions?limit=2&branch=main", nil, http.StatusOK))
	second := platformtest.Decode[page.Page[version.Version]](t, h.call(http.MethodGet, "/versions?limit=2&cursor="+first.NextCursor, nil, http.StatusOK))
	if len(first.Items) != 2 || len(second.Items) != 1 || second.NextCursor != "" || first.Items[0].Version != 3 || second.Items[0].Version != 1 || second.Items[0].Message != "weekly" {
		t.Errorf("pages %+v and %+v", first, second)
	}
	other := h.p.Login("owner").Token
	for _, rest := range []string{"/versions", "/versions/1", "/tags", "/branches", "/diff?from=1&key=id", "/diff/page?from=1&key=id"} {
		h.p.Do(other, http.MethodGet, h.path(rest), nil).Want(t, http.StatusNotFound)
	}
	h.p.Do(other, http.MethodPost, h.path("/versions/1/restore"), `{}`).Want(t, http.StatusNotFound)
	h.p.Do(other, http.MethodPut, h.path("/tags/x"), `{"version": 1}`).Want(t, http.StatusNotFound)
	h.p.Do(other, http.MethodPost, h.path("/branches"), `{"name": "x"}`).Want(t, http.StatusNotFound)
	h.p.Do(other, http.MethodPost, h.path("/undelete"), nil).Want(t, http.StatusNotFound)
}

func TestUpload_SameFileAgain_SharesTheTable(t *testing.T) {
	t.Parallel()
	h := begin(t)
	for n, upload := range []struct {
		parameters, csv, rows string
		objects               int // in the bucket after it
	}{
		{"", "id,v\na,1\n", "a1", 2},
		{"", "id,v\na,1\n", "a1", 3},
		{"", "id,v\na,2\n", "a2", 5},
		{"", "id,v\na,1\n", "a1", 6},
		{"operation=append", "id,v\nb,1\n", "a1 b1", 8},
		{"operation=append", "id,v\na,1\n", "a1 a1 b1", 10},
	} {
		h.upload(upload.parameters, upload.csv)
		h.want("sales", upload.rows)
		if got := datasetstest.Objects(t, h.p); got != upload.objects {
			t.Errorf("%d objects after version %d, want %d", got, n+1, upload.objects)
		}
	}
	first, again := h.version(1), h.version(4)
	if again.Operation != "replace" || *again.RowCount != *first.RowCount || *again.SHA256 != *first.SHA256 || *again.BaseVersion != 3 {
		t.Errorf("version 4 %+v", again)
	}
	var equal bool
	if err := h.p.DB(database.Datasets).QueryRow(t.Context(), `SELECT a.columns::text = b.columns::text AND a.detected::text = b.detected::text FROM dataset_versions a, dataset_versions b WHERE a.version = 1 AND b.version = 4`).Scan(&equal); err != nil || !equal {
		t.Errorf("the profiles differ: %v", err)
	}
}

func TestDiff_CountsAndShowsChangedRows(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\nb,2\nc,3\n")
	h.upload("operation=upsert&key=id", "id,v\nb,9\nd,4\n")
	got := platformtest.Decode[diff.Response](t, platformtest.Answer{Body: fmt.Appendf(nil, `{"Body": %s}`, h.call(http.MethodGet, "/diff?from=1&key=id", nil, http.StatusOK).Body)}).Body
	if got.From != 1 || got.To != 2 || got.Rows.Added != 1 || got.Rows.Changed != 1 || got.Rows.Unchanged != 2 || len(got.Changes) != 2 {
		t.Errorf("difference %+v", got)
	}
	h.call(http.MethodGet, "/diff?from=1&key=nope", nil, http.StatusUnprocessableEntity)
	h.call(http.MethodGet, "/diff?from=8&key=id", nil, http.StatusUnprocessableEntity)
}

func TestDiffPage_ShowsChangedRows(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v,gone\na,1,<script>alert(1)</script>\nb,2,x\nc,3,y\n")
	h.upload("", "ID,v,new\na,1,\nb,9,\nd,4,\n")
	answer := h.call(http.MethodGet, "/diff/page?from=1&key=id", nil, http.StatusOK)
	page := string(answer.Body)
	for _, want := range []string{
		"version 1 → 2, by <code>id</code>", "3 rows before, 3 after.",
		"<th>gone</th><td>VARCHAR</td><td>absent</td>",
		`<tr class="changed"><td><span class="mark">changed</span></td><td class="key"><ins>b</ins></td><td><del>2</del><ins>9</ins></td>`,
		`<td class="key"><ins>c</ins></td><td><del>3</del></td>`, `<td class="key"><ins>d</ins></td><td><ins>4</ins></td><td><ins class="null">null</ins></td>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "<script") || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v, page\n%s", answer.Header, page)
	}
	if page := string(h.call(http.MethodGet, "/diff/page?from=2&to=2&key=id", nil, http.StatusOK).Body); !strings.Contains(page, "All rows are the same.") {
		t.Errorf("page of the same version\n%s", page)
	}
	h.call(http.MethodGet, "/diff/page?from=1&key=nope", nil, http.StatusUnprocessableEntity)
}

func TestUndelete_BringsEverythingBack(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\n")
	h.call(http.MethodPost, "/undelete", nil, http.StatusNotFound)
	h.call(http.MethodDelete, "", nil, http.StatusNoContent)
	h.call(http.MethodPost, "/undelete", nil, http.StatusOK)
	h.want("sales", "a1")

	body, contentType := datasetstest.Form(t, "file", "a.csv", "", "id,v\nb,2\n")
	h.p.Do(h.token, http.MethodPost, h.path("/upload"), body, "Content-Type", contentType).Want(t, http.StatusCreated)
	h.call(http.MethodDelete, "", nil, http.StatusNoContent)
	datasetstest.Create(t, h.p, h.token, "Sales")
	h.call(http.MethodPost, "/undelete", nil, http.StatusConflict) // the name is taken
	if _, err := h.p.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET name = 'other' WHERE name = 'Sales'`); err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodPost, "/undelete", nil, http.StatusOK)
	h.profiled++ // the request that the deletion cancelled
	h.profile()
	h.want("sales", "b2")
}

// A merge whose conflicts are previewed and decided one by one.
func TestMerge_PreviewedAndResolved(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("", "id,v\na,1\nb,2\nc,3\nd,4\ne,5\n")
	h.call(http.MethodPost, "/branches", map[string]any{"name": "fix"}, http.StatusCreated)
	h.upload("branch=fix&operation=upsert&key=id", "id,v\na,10\nb,20\nc,30\ne,50\nx,7\n")
	h.upload("operation=upsert&key=id", "id,v\na,11\nb,21\ny,8\n")
	h.upload("operation=delete&key=id", "id\nc\nd\n")
	preview := func(body map[string]any, status int) string {
		t.Helper()
		return strings.TrimSpace(string(h.call(http.MethodPost, "/branches/fix/merge/preview", body, status).Body))
	}
	want := `{"into_version":4,"source_version":2,"common_version":1,` +
		`"ours":{"added":1,"changed":2,"removed":2},"theirs":{"added":1,"changed":4,"removed":0},"conflict_count":3,"conflicts":[` +
		`{"key":{"id":"a"},"base":{"id":"a","v":1},"ours":{"id":"a","v":11},"theirs":{"id":"a","v":10}},` +
		`{"key":{"id":"b"},"base":{"id":"b","v":2},"ours":{"id":"b","v":21},"theirs":{"id":"b","v":20}},` +
		`{"key":{"id":"c"},"base":{"id":"c","v":3},"theirs":{"id":"c","v":30}}]}`
	if got := preview(map[string]any{"key": []string{"id"}}, http.StatusOK); got != want {
		t.Errorf("preview\n%s\nwant\n%s", got, want)
	}
	if got := preview(map[string]any{"key": []string{"ID"}, "limit": 1}, http.StatusOK); !strings.Contains(got, `"conflict_count":3,`) || strings.Count(got, `"key":`) != 1 {
		t.Errorf("preview of one conflict: %s", got)
	}
	preview(map[string]any{"key": []string{"v"}, "into": "none"}, http.StatusNotFound)
	if got := preview(map[string]any{"key": []string{"nope"}}, http.StatusUnprocessableEntity); !strings.Contains(got, `no column \"nope\"`) {
		t.Errorf("preview by another column: %s", got)
	}
	h.p.Do(h.p.Login("owner").Token, http.MethodPost, h.path("/branches/fix/merge/preview"), map[string]any{"key": []string{"id"}}).Want(t, http.StatusNotFound)
	if got := datasetstest.Get(t, h.p, h.token, h.id); got.Version != 4 {
		t.Errorf("the preview has added version %d", got.Version)
	}

	take := func(id, side string) map[string]any {
		return map[string]any{"key": map[string]any{"id": id}, "take": side}
	}
	merge := func(status int, resolutions ...map[string]any) {
		t.Helper()
		h.call(http.MethodPost, "/branches/fix/merge", map[string]any{"key": []string{"id"}, "resolutions": resolutions}, status)
		if status == http.StatusAccepted {
			h.profile()
		}
	}
	merge(http.StatusUnprocessableEntity, take("a", "both"))
	merge(http.StatusUnprocessableEntity, take("a", "ours"), take("a", "base"))
	merge(http.StatusUnprocessableEntity, map[string]any{"key": map[string]any{"v": 1}, "take": "ours"})
	for _, test := range []struct {
		resolutions []map[string]any
		want        string
	}{
		{[]map[string]any{take("a", "ours"), take("e", "theirs")}, "Resolution 2 is of a row that has no conflict"},
		{[]map[string]any{take("a", "ours")}, "changed 2 rows to different values"},
	} {
		merge(http.StatusAccepted, test.resolutions...)
		if got := datasetstest.Get(t, h.p, h.token, h.id); got.Failure == nil || !strings.Contains(*got.Failure, test.want) {
			t.Errorf("merge with %v: %+v, want %q", test.resolutions, got, test.want)
		}
	}
	merge(http.StatusAccepted, take("a", "theirs"), take("b", "base"), take("c", "theirs"))
	h.want("sales", "a10 b2 c30 e50 x7 y8")
	if n := datasetstest.Count(t, h.p, `SELECT count(*) FROM dataset_versions WHERE encode(resolutions, 'escape') LIKE '%base%'`); n != 0 {
		t.Errorf("resolutions are stored in plain text")
	}
}
