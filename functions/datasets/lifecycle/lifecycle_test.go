package lifecycle_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/analytics/query"
	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/diff"
	"function/functions/datasets/dispose"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/expiry"
	"function/functions/datasets/internal/version"
	"function/functions/datasets/lifecycle"
	mergebranch "function/functions/datasets/merge-branch"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/tags"
	"function/functions/datasets/versions"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/resultset"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	lifecycle.Service, versions.Service, restoreversion.Service, tags.Service, branches.Service, mergebranch.Service, query.Service, dispose.Service, diff.Service, download.Service,
}, datasetstest.Lifecycle...)

// history is a data set, and what its ready versions hold according to the test.
type history struct {
	*testing.T
	p        *platformtest.Platform
	token    string
	id       uuid.UUID
	profiled int
	last     int            // number of the last version
	rows     map[int]rows   // of the versions that are not expired
	heads    map[string]int // of the branches
	tags     map[string]int // versions by tag
	branch   map[int]string // of each version
	begun    map[string]int // the versions that branches began with
}

type rows map[string]string

func begin(t *testing.T) *history {
	p := platformtest.New(t, walk...)
	token := p.Login("owner").Token
	h := &history{T: t, p: p, token: token, id: datasetstest.Create(t, p, token, "d").ID, rows: map[int]rows{}, heads: map[string]int{},
		tags: map[string]int{}, branch: map[int]string{}, begun: map[string]int{}}
	return h
}

func (h *history) call(method, rest string, body any, status int) platformtest.Answer {
	h.Helper()
	return h.p.Do(h.token, method, "/v1/datasets/"+h.id.String()+rest, body).Want(h, status)
}

// upload adds a version to a branch.
func (h *history) upload(branch, operation string, file rows) {
	h.Helper()
	parameters := "branch=" + branch + "&operation=" + operation
	csv := "id,v\n"
	for _, id := range slices.Sorted(maps.Keys(file)) {
		csv += id + "," + file[id] + "\n"
	}
	result := rows{}
	if operation != version.Replace {
		maps.Copy(result, h.rows[h.heads[branch]])
	}
	switch operation {
	case version.Delete:
		csv = "id\n" + strings.Join(slices.Sorted(maps.Keys(file)), "\n") + "\n"
		maps.DeleteFunc(result, func(id, _ string) bool { _, gone := file[id]; return gone })
		parameters += "&key=id"
	case version.Upsert:
		parameters += "&key=id"
		fallthrough
	default:
		maps.Copy(result, file)
	}
	body, contentType := datasetstest.Form(h, "file", "a.csv", "", csv)
	h.p.Do(h.token, http.MethodPost, "/v1/datasets/"+h.id.String()+"/upload?"+parameters, body, "Content-Type", contentType).Want(h, http.StatusCreated)
	h.profile()
	h.add(branch, result)
}

func (h *history) profile() {
	h.Helper()
	h.profiled++
	datasetstest.Profile(h, h.p, h.profiled)
}

// add records a version that the platform has added.
func (h *history) add(branch string, result rows) {
	h.last++
	h.rows[h.last], h.branch[h.last] = result, branch
	h.heads[branch] = h.last
}

// check compares all versions with what they should hold, and the stored objects with what the
// versions need.
func (h *history) check() {
	h.Helper()
	all := platformtest.Decode[page.Page[version.Version]](h, h.call(http.MethodGet, "/versions?limit=200", nil, http.StatusOK)).Items
	for _, v := range all {
		want, kept := h.rows[v.Version]
		if kept != (v.Status == "ready") {
			h.Errorf("version %d is %s, and should be kept: %t", v.Version, v.Status, kept)
		}
		if !kept {
			continue
		}
		answer := h.p.Do(h.token, http.MethodPost, "/v1/analytics/query", map[string]any{
			"database": "datasets", "query": fmt.Sprintf(`SELECT id, CAST(v AS VARCHAR) FROM d@%d`, v.Version)}).Want(h, http.StatusOK)
		got := rows{}
		for _, row := range platformtest.Decode[resultset.Set](h, answer).Rows {
			got[row[0].(string)] = row[1].(string)
		}
		if !maps.Equal(got, want) {
			h.Errorf("version %d has the rows %v, want %v", v.Version, got, want)
		}
	}
	needed := datasetstest.Count(h, h.p, `SELECT count(DISTINCT n) FROM dataset_versions, LATERAL (VALUES (object_name), (table_name)) o (n) WHERE n IS NOT NULL`)
	if n := datasetstest.Objects(h, h.p); n != needed {
		h.Errorf("%d objects in the bucket, want the %d of the versions", n, needed)
	}
	if n := datasetstest.Count(h, h.p, `SELECT count(*) FROM dataset_versions v WHERE status = 'expired' AND table_name IS NOT NULL AND NOT EXISTS (
		SELECT FROM dataset_versions k WHERE k.status = 'ready' AND v.version = ANY (k.inherited))`); n != 0 {
		h.Errorf("%d tables of expired versions stay that nothing needs", n)
	}
	if n := datasetstest.Count(h, h.p, `SELECT count(*) FROM dataset_versions WHERE status = 'expired' AND (wrapped_key IS NULL) <> (num_nonnulls(table_name, object_name) = 0)`); n != 0 {
		h.Errorf("%d expired versions have a key without bytes, or bytes without a key", n)
	}
}

// expire applies a policy, in the test and in the platform, and sweeps what it has released.
func (h *history) expire(keep int) {
	h.Helper()
	h.call(http.MethodPut, "/lifecycle", map[string]any{"keep_versions": keep}, http.StatusOK)
	preview := platformtest.Decode[struct{ Versions []expiry.ExpiredVersion }](h, h.call(http.MethodGet, "/lifecycle/preview", nil, http.StatusOK)).Versions
	h.p.Wake("datasets-lifecycle").Want(h, http.StatusNoContent)
	var gone []int
	for _, v := range preview {
		gone = append(gone, v.Version)
	}
	kept := map[string]int{}
	for n := h.last; n > 0; n-- {
		if _, ok := h.rows[n]; !ok {
			continue
		}
		kept[h.branch[n]]++
		protected := slices.Contains(slices.Collect(maps.Values(h.heads)), n) || slices.Contains(slices.Collect(maps.Values(h.tags)), n) || slices.Contains(slices.Collect(maps.Values(h.begun)), n)
		expired := slices.Contains(gone, n)
		if expired && (protected || kept[h.branch[n]] <= keep) {
			h.Errorf("version %d expires, which is a head, tagged or among the newest", n)
		}
		if expired {
			delete(h.rows, n)
		}
	}
	if _, err := h.p.DB(database.Datasets).Exec(h.Context(), `UPDATE staged_objects SET created_at = now() - interval '2 days'`); err != nil {
		h.Fatal(err)
	}
	retentiontest.Learn(h.T, h.p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	platformtest.Deliver(h.p, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(h, http.StatusNoContent)
}

// HISTORIES sets the number of random histories.
func histories() int {
	n, _ := strconv.Atoi(os.Getenv("HISTORIES"))
	return cmp.Or(n, 3)
}

// However versions are made, named and removed: what can be read has the right rows, and the bucket
// holds the objects of these versions and no others.
func TestHistories_Random_KeepWhatIsReachable(t *testing.T) {
	t.Parallel()
	for seed := range histories() {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(seed), 7))
			h := begin(t)
			h.upload("main", version.Replace, rows{"a": "1", "b": "2"})
			for range 14 {
				h.step(r)
			}
			h.expire(1 + r.IntN(2))
			h.check()
			h.upload("main", version.Append, rows{fmt.Sprintf("z%d", h.last): "9"})
			h.check()
		})
	}
}

// step does something at random.
func (h *history) step(r *rand.Rand) {
	h.Helper()
	names := slices.Sorted(maps.Keys(h.heads))
	branch := names[r.IntN(len(names))]
	readable := slices.Sorted(maps.Keys(h.rows))
	some := readable[r.IntN(len(readable))]
	file := rows{}
	for range 1 + r.IntN(3) {
		file[string(rune('a'+r.IntN(6)))] = strconv.Itoa(r.IntN(100))
	}
	switch r.IntN(9) {
	case 0:
		h.upload(branch, version.Replace, file)
	case 1, 2:
		h.upload(branch, version.Append, rows{fmt.Sprintf("n%d", h.last): "1"})
	case 3:
		h.upload(branch, version.Upsert, file)
	case 4:
		h.upload(branch, version.Delete, file)
	case 5:
		h.call(http.MethodPost, fmt.Sprintf("/versions/%d/restore", some), map[string]any{"branch": branch}, http.StatusCreated)
		h.add(branch, maps.Clone(h.rows[some]))
	case 6:
		tag := fmt.Sprintf("t%d", h.last)
		if _, taken := h.tags[tag]; !taken {
			h.call(http.MethodPut, "/tags/"+tag, map[string]any{"version": some}, http.StatusOK)
			h.tags[tag] = some
		}
	case 7:
		name := fmt.Sprintf("b%d", h.last)
		if _, taken := h.heads[name]; !taken {
			h.call(http.MethodPost, "/branches", map[string]any{"name": name, "from": strconv.Itoa(some)}, http.StatusCreated)
			h.heads[name], h.begun[name] = some, some
		}
	case 8:
		h.expire(1 + r.IntN(4))
	}
}

func TestLifecycle_PolicyIsShownChangedAndDeleted(t *testing.T) {
	t.Parallel()
	h := begin(t)
	for i := range 3 {
		h.upload("main", version.Replace, rows{"a": strconv.Itoa(i)})
	}
	h.call(http.MethodGet, "/lifecycle", nil, http.StatusNotFound)
	h.call(http.MethodGet, "/lifecycle/preview", nil, http.StatusNotFound)
	h.call(http.MethodPut, "/lifecycle", map[string]any{}, http.StatusUnprocessableEntity)
	h.call(http.MethodPut, "/lifecycle", map[string]any{"keep_versions": 0}, http.StatusUnprocessableEntity)
	h.call(http.MethodPut, "/lifecycle", map[string]any{"keep_versions": 1, "keep_days": 1}, http.StatusOK)
	preview := func(query string) int {
		t.Helper()
		return len(platformtest.Decode[struct{ Versions []expiry.ExpiredVersion }](t, h.call(http.MethodGet, "/lifecycle/preview"+query, nil, http.StatusOK)).Versions)
	}
	if n := preview(""); n != 0 {
		t.Errorf("%d versions of today expire although a day is kept", n)
	}
	if n := preview("?keep_versions=2"); n != 1 {
		t.Errorf("%d versions beyond two expire, want 1", n)
	}
	if _, err := h.p.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_versions SET uploaded_at = now() - interval '2 days'`); err != nil {
		t.Fatal(err)
	}
	if n := preview(""); n != 2 {
		t.Errorf("%d versions expire, want 2", n)
	}
	h.call(http.MethodDelete, "/lifecycle", nil, http.StatusNoContent)
	h.call(http.MethodDelete, "/lifecycle", nil, http.StatusNotFound)
	stranger := h.p.Login("owner").Token
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		h.p.Do(stranger, method, "/v1/datasets/"+h.id.String()+"/lifecycle", nil).Want(t, http.StatusNotFound)
	}
}

// A version that was current at a time and has expired is refused; the version before it, which is
// still there, is not read instead.
func TestVersions_ExpiredAtATime_AreRefused(t *testing.T) {
	t.Parallel()
	h := begin(t)
	h.upload("main", version.Replace, rows{"a": "1"})
	h.call(http.MethodPut, "/tags/first", map[string]any{"version": 1}, http.StatusOK)
	h.tags["first"] = 1
	h.upload("main", version.Append, rows{"b": "no number"}) // fails
	delete(h.rows, 2)
	h.upload("main", version.Replace, rows{"c": "3"})
	h.upload("main", version.Replace, rows{"d": "4"})
	if _, err := h.p.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_versions SET profiled_at = timestamptz '2026-01-01 12:00:00Z' + version * interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	h.expire(1)
	read := func(ref string) platformtest.Answer {
		return h.p.Do(h.token, http.MethodPost, "/v1/analytics/query", map[string]any{"database": "datasets", "query": fmt.Sprintf(`SELECT id FROM "d@%s"`, ref)})
	}
	for ref, want := range map[string]string{"2026-01-03": "a", "2026-01-04": "a", "2026-01-06": "d", "first": "a"} {
		if got := read(ref).Want(t, http.StatusOK); !strings.Contains(string(got.Body), `[["`+want+`"]]`) {
			t.Errorf("%s: %s, want the row %s", ref, got.Body, want)
		}
		h.call(http.MethodGet, "/download?version="+ref, nil, http.StatusOK)
	}
	for _, ref := range []string{"2026-01-05", "2026-01-04T12:00:00Z", "3"} {
		for name, got := range map[string]platformtest.Answer{
			"query":    read(ref),
			"download": h.call(http.MethodGet, "/download?version="+ref, nil, http.StatusUnprocessableEntity),
			"convert":  h.call(http.MethodGet, "/download?format=csv&version="+ref, nil, http.StatusUnprocessableEntity),
			"from":     h.call(http.MethodGet, "/diff?key=id&from="+ref, nil, http.StatusUnprocessableEntity),
			"to":       h.call(http.MethodGet, "/diff?key=id&from=1&to="+ref, nil, http.StatusUnprocessableEntity),
			"restore":  h.call(http.MethodPost, "/versions/"+ref+"/restore", map[string]any{}, http.StatusUnprocessableEntity),
			"branch":   h.call(http.MethodPost, "/branches", map[string]any{"name": "b", "from": ref}, http.StatusUnprocessableEntity),
		} {
			if !strings.Contains(string(got.Body), "is version 3, which has expired") {
				t.Errorf("%s of %s: %s", name, ref, got.Body)
			}
		}
		if got := platformtest.Decode[version.Version](t, h.call(http.MethodGet, "/versions/"+ref, nil, http.StatusOK)); got.Version != 3 || got.Status != "expired" {
			t.Errorf("%s shows %+v", ref, got)
		}
	}
}
