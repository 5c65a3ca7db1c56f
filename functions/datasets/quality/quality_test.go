package quality_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	acceptversion "function/functions/datasets/accept-version"
	"function/functions/datasets/contract"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/diff"
	"function/functions/datasets/download"
	"function/functions/datasets/hold"
	"function/functions/datasets/quality"
	"function/functions/datasets/retry"
	"function/functions/datasets/tags"
	"function/functions/datasets/undelete"
	"function/functions/datasets/versions"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	contract.Service, quality.Service, acceptversion.Service, retry.Service, download.Service, versions.Service, deletion.Service, undelete.Service, hold.Service, tags.Service, diff.Service, outboxrelay.Service,
}, datasetstest.Lifecycle...)

// data is a data set with its owner.
type data struct {
	testing.TB
	p        *platformtest.Platform
	owner    platformtest.Caller
	id       uuid.UUID
	profiled *atomic.Int32
}

func begin(t testing.TB, name string) *data {
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	return &data{TB: t, p: p, owner: owner, id: datasetstest.Create(t, p, owner.Token, name).ID, profiled: new(atomic.Int32)}
}

func (d *data) call(method, rest string, body any, status int, headers ...string) platformtest.Answer {
	d.Helper()
	return d.p.Do(d.owner.Token, method, "/v1/datasets/"+d.id.String()+rest, body, headers...).Want(d, status)
}

func (d *data) upload(parameters, csv string) {
	d.Helper()
	body, contentType := datasetstest.Form(d, "file", "a.csv", "", csv)
	d.call(http.MethodPost, "/upload?"+parameters, body, http.StatusCreated, "Content-Type", contentType)
	d.profile()
}

func (d *data) profile() {
	d.Helper()
	datasetstest.Profile(d, d.p, int(d.profiled.Add(1)))
}

func (d *data) status() string {
	d.Helper()
	got := datasetstest.Get(d, d.p, d.owner.Token, d.id)
	ready := 0
	if got.ReadyVersion != nil {
		ready = *got.ReadyVersion
	}
	return fmt.Sprintf("%s %d", got.Status, ready)
}

func (d *data) want(status string) {
	d.Helper()
	if got := d.status(); got != status {
		d.Errorf("data set is %s, want %s", got, status)
	}
}

func (d *data) check(version int) quality.Detail {
	d.Helper()
	return platformtest.Decode[quality.Detail](d, d.call(http.MethodGet, fmt.Sprintf("/quality/%d", version), nil, http.StatusOK))
}

// rows downloads the rows of a version of another data set as CSV.
func (d *data) rows(id uuid.UUID, version int) string {
	d.Helper()
	path := fmt.Sprintf("/v1/datasets/%s/download?format=csv&version=%d", id, version)
	return strings.NewReplacer("\r\n", "\n", `"`, "").Replace(string(d.p.Do(d.owner.Token, http.MethodGet, path, nil).Want(d, http.StatusOK).Body))
}

const orders = `
owner: sales # of the data
key: [id]
compatibility: backward
schema:
  - {name: id, type: BIGINT, required: true}
  - {name: amount, type: "DECIMAL(18,2)"}
rules:
  - {kind: unique, column: id}
  - {name: positive, kind: range, column: amount, min: 0}
  - {name: known, kind: set, column: state, values: [new, paid], severity: warn}
`

func TestQuality_BadVersion_IsBlockedUntilAccepted(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodGet, "/contract", nil, http.StatusNotFound)
	d.call(http.MethodPut, "/contract", orders, http.StatusOK, "Content-Type", "application/yaml")
	d.upload("", "id,amount,state\n1,5,new\n2,0.5,paid\n")
	d.want("ready 1")
	if c := d.check(1); c.Score == nil || *c.Score != 1 || c.Failures != nil || c.Revision != 1 {
		t.Errorf("good version %+v", c)
	}

	bad := "id,amount,state\n1,-5,new\n1,1,old\n3,-0.01,odd\n"
	d.upload("", bad)
	d.want("blocked 1")
	c := d.check(2)
	if c.Status != "blocked" || c.Failures == nil || c.Failures.Name != "orders_failures" || c.Failures.Version != 1 {
		t.Fatalf("bad version %+v", c)
	}
	rows := strings.Split(strings.TrimSpace(d.rows(c.Failures.DatasetID, 1)), "\n")
	want := map[string]bool{"id,amount,state,_rule,_version": true,
		"1,-5.00,new,unique_id,2": true, "1,1.00,old,unique_id,2": true, "1,-5.00,new,positive,2": true, "3,-0.01,odd,positive,2": true, "1,1.00,old,known,2": true, "3,-0.01,odd,known,2": true}
	got := map[string]bool{}
	for _, row := range rows {
		got[row] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || rows[0] != "id,amount,state,_rule,_version" {
		t.Error(rows, diff)
	}

	for _, path := range []string{"/download?version=2", "/download?version=2&format=csv", "/diff?from=1&to=2&key=id"} {
		if answer := d.call(http.MethodGet, path, nil, http.StatusConflict); !strings.Contains(string(answer.Body), `2 of 3 rows fail the rule \"positive\"`) || !strings.Contains(string(answer.Body), "First keys") {
			t.Errorf("refusal of %s: %s", path, answer.Body)
		}
	}
	if answer := d.call(http.MethodGet, "/download", nil, http.StatusOK); !strings.Contains(string(answer.Body), "2,0.5,paid") {
		t.Errorf("download %s", answer.Body)
	}
	if got := datasetstest.Get(t, d.p, d.owner.Token, d.id); got.Columns != nil {
		t.Errorf("the profile of a blocked version is shown: %s", got.Columns.RawMessage)
	}
	d.call(http.MethodPut, "/tags/v2", map[string]any{"version": 2}, http.StatusUnprocessableEntity)

	member := d.p.LoginTo(d.owner.OrganizationID, "member")
	d.p.Do(member.Token, http.MethodPost, "/v1/datasets/"+d.id.String()+"/versions/2/accept", map[string]any{"reason": "x"}).Want(t, http.StatusForbidden)
	d.call(http.MethodPost, "/versions/2/accept", map[string]any{}, http.StatusUnprocessableEntity)
	d.call(http.MethodPost, "/versions/1/accept", map[string]any{"reason": "x"}, http.StatusConflict)
	d.call(http.MethodPost, "/versions/9/accept", map[string]any{"reason": "x"}, http.StatusNotFound)
	d.call(http.MethodPost, "/versions/2/accept", map[string]any{"reason": "refunds"}, http.StatusOK)
	d.want("ready 2")
	if c := d.check(2); c.Accepted == nil || c.Accepted.Reason != "refunds" || c.Accepted.By != d.owner.UserID || c.Status != "ready" {
		t.Errorf("accepted version %+v", c)
	}
	if got := d.rows(d.id, 2); got != "id,amount,state\n1,-5.00,new\n1,1.00,old\n3,-0.01,odd\n" {
		t.Errorf("rows %q", got)
	}
	d.call(http.MethodPost, "/versions/2/accept", map[string]any{"reason": "again"}, http.StatusConflict)
	list := platformtest.Decode[page.Page[quality.Summary]](t, d.call(http.MethodGet, "/quality?limit=1", nil, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].Version != 2 || list.NextCursor == "" || len(list.Items[0].Rules) != 5 {
		t.Errorf("list %+v", list)
	}
	if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:accept_version' AND result = 'done'`); n != 1 {
		t.Errorf("%d acceptances in the trail, want 1", n)
	}
}

func TestQuality_SourceIsRestricted_EventsOfItsFailingRowsSaySo(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":1}]}`, http.StatusOK)
	if _, err := d.p.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET restricted = true WHERE id = $1`, d.id); err != nil {
		t.Fatal(err)
	}
	d.upload("", "n\n1\n2\n")
	if e := platformtest.Published[events.DatasetReady](d.p, 1)[0].Data; e.Name != "orders_failures" || !e.Restricted {
		t.Errorf("event %+v", e)
	}
}

func TestQuality_ContractCorrected_RetryChecksAgain(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":1}]}`, http.StatusOK)
	d.upload("", "n\n1\n2\n")
	d.want("blocked 0")
	d.call(http.MethodGet, "/download", nil, http.StatusNotFound)
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":2}]}`, http.StatusPreconditionFailed, "If-Match", `"7"`)
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":2}]}`, http.StatusOK, "If-Match", `"1"`)
	objects := datasetstest.Objects(t, d.p)
	d.call(http.MethodPost, "/versions/1/retry", nil, http.StatusAccepted)
	d.profile()
	d.want("ready 1")
	if c := d.check(1); c.Revision != 2 || c.Failures != nil || *c.Score != 1 {
		t.Errorf("check %+v", c)
	}
	if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM staged_objects`); n != 1 || datasetstest.Objects(t, d.p) != objects+1 {
		t.Errorf("%d staged objects, want the former table", n)
	}
	first := platformtest.Decode[contract.Revision](t, d.call(http.MethodGet, "/contract?revision=1", nil, http.StatusOK))
	if string(first.Contract.Rules[0].Max.RawMessage) != "1" {
		t.Errorf("first revision %+v", first)
	}
}

func TestQuality_SchemaOfContract_FailsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", orders, http.StatusOK, "Content-Type", "application/yaml")
	d.upload("", "key,state\n1,new\n")
	if answer := d.call(http.MethodGet, "", nil, http.StatusOK); !strings.Contains(string(answer.Body), `missing: \"id\"`) || !strings.Contains(string(answer.Body), `"failed"`) {
		t.Errorf("a column is missing: %s", answer.Body)
	}
	d.upload("", "id,amount,state\n,5,new\n")
	d.want("blocked 0") // a required column without a value
	d.upload("", "id,state\n7,new\n")
	d.want("blocked 0") // the rule about amount has no column to check
}

func TestQuality_ValuesWithoutTheTypeOfTheSchema_AllTheirRowsAreKept(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"key":["id"],"schema":[{"name":"ID","type":"BIGINT"},{"name":"amount","type":"DECIMAL(18,2)"},{"name":"day","type":"DATE"}]}`, http.StatusOK)
	d.upload("", "id,amount,day\n1,1.5,2026-11-30\n")
	d.want("ready 1")
	d.upload("", "id,amount,day\n1,1.5,2026-11-30\nx,2.125,2026/11/29\n 3 ,3.001,\n4,,2026-02-30\ny,5,2026-11-30 00:00\n")
	d.want("blocked 1")
	c := d.check(2)
	got := map[string]int64{}
	for _, r := range c.Results {
		got[r.Rule+" "+r.Status] = r.Failed
	}
	if diff := cmp.Diff(map[string]int64{"schema_ID failed": 2, "schema_amount failed": 2, "schema_day failed": 1}, got); diff != "" || c.Failures == nil {
		t.Fatalf("%s%+v", diff, c)
	}
	rows := strings.Split(strings.TrimSpace(d.rows(c.Failures.DatasetID, 1)), "\n")
	slices.Sort(rows)
	if diff := cmp.Diff([]string{
		" 3 ,3.001,,schema_amount,2", "4,,2026-02-30,schema_day,2", "id,amount,day,_rule,_version", "x,2.125,2026/11/29,schema_ID,2", "x,2.125,2026/11/29,schema_amount,2", "y,5,2026-11-30 00:00,schema_ID,2",
	}, rows); diff != "" {
		t.Error(diff)
	}
	if answer := d.call(http.MethodGet, "/download?version=2", nil, http.StatusConflict); !strings.Contains(string(answer.Body), `2 of 5 values of \"ID\" are not of the type BIGINT`) {
		t.Errorf("refusal %s", answer.Body)
	}
	d.call(http.MethodPost, "/versions/2/accept", map[string]string{"reason": "good enough"}, http.StatusConflict)
	d.call(http.MethodPut, "/contract", `{"schema":[{"name":"id","type":"VARCHAR"}]}`, http.StatusOK)
	d.call(http.MethodPost, "/versions/2/retry", nil, http.StatusAccepted)
	d.profile()
	d.want("ready 2")
}

func TestQuality_IncompatibleColumns_AreBlocked(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"compatibility":"full"}`, http.StatusOK)
	d.upload("", "id,n\n1,2\n")
	d.want("ready 1")
	d.upload("", "id\n1\n")
	d.want("blocked 1")
	if c := d.check(2); !strings.Contains(c.Results[0].Sentence, `"n" is gone`) {
		t.Errorf("results %+v", c.Results)
	}
	d.upload("", "id,n,more\n1,2,3\n")
	d.want("ready 3")
	d.upload("", "id,n,more\n1,2.5,3\n")
	d.want("blocked 3")
}

func TestQuality_AppendAfterBlocked_StartsFromReadyRows(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":5},{"kind":"row_count_drift","change":9}]}`, http.StatusOK)
	d.upload("", "n\n1\n")
	d.upload("operation=append", "n\n9\n")
	d.want("blocked 1")
	if c := d.check(2); c.Results[0].Checked != 2 || c.Results[0].Failed != 1 || c.Results[1].Status != "passed" {
		t.Errorf("check of the appended version %+v", c.Results)
	}
	d.upload("operation=append", "n\n2\n")
	d.want("ready 3")
	if got := d.rows(d.id, 3); got != "n\n1\n2\n" {
		t.Errorf("rows %q", got)
	}
	d.call(http.MethodPost, "/versions/2/accept", map[string]any{"reason": "x"}, http.StatusConflict)
	d.call(http.MethodPost, "/versions/2/retry", nil, http.StatusConflict)
}

func TestQuality_FailingRows_FollowTheirSource(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	datasetstest.Create(t, d.p, d.owner.Token, "Orders_Failures")
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":5}]}`, http.StatusOK)
	d.upload("", "n\n9\n")
	d.upload("", "n\n8\n7\n")
	failures := d.check(2).Failures
	if failures == nil || failures.Name != "orders_failures_2" || failures.Version != 2 {
		t.Fatalf("failing rows in %+v", failures)
	}
	source := *d
	d.id = failures.DatasetID
	body, contentType := datasetstest.Form(t, "file", "a.csv", "", "n\n1\n")
	d.call(http.MethodPost, "/upload", body, http.StatusConflict, "Content-Type", contentType)
	d.call(http.MethodPut, "/contract", `{}`, http.StatusConflict)

	source.call(http.MethodPut, "/hold", map[string]any{"reason": "case"}, http.StatusOK)
	d.call(http.MethodDelete, "", nil, http.StatusConflict)
	source.call(http.MethodDelete, "/hold", nil, http.StatusNoContent)
	d.call(http.MethodPut, "/hold", map[string]any{"reason": "case"}, http.StatusOK)
	source.call(http.MethodDelete, "", nil, http.StatusConflict)
	d.call(http.MethodDelete, "/hold", nil, http.StatusNoContent)
	source.call(http.MethodDelete, "", nil, http.StatusNoContent)
	d.call(http.MethodGet, "", nil, http.StatusNotFound)
	d.call(http.MethodPost, "/undelete", nil, http.StatusNotFound)
	source.call(http.MethodPost, "/undelete", nil, http.StatusOK)
	d.call(http.MethodGet, "", nil, http.StatusOK)
}

func TestQuality_TwentyReaders_NeverSeeABlockedRow(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodPut, "/contract", `{"rules":[{"kind":"range","column":"n","max":5}]}`, http.StatusOK)
	d.upload("", "n\n1\n")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 20 {
		path := []string{"/download", "/download?format=csv", "", "/versions"}[i%4]
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				answer := d.p.Do(d.owner.Token, http.MethodGet, "/v1/datasets/"+d.id.String()+path, nil)
				if strings.Contains(string(answer.Body), "987654") && !strings.Contains(string(answer.Body), "987654.5") {
					t.Errorf("%s shows a blocked row: %s", path, answer.Body)
				}
			}
		})
	}
	for range 3 {
		d.upload("", "n\n987654\n")
	}
	close(done)
	readers.Wait()
	d.want("blocked 1")
}

func TestQuality_Suggestions_CanBeSet(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	d.call(http.MethodGet, "/quality/suggestions", nil, http.StatusConflict)
	var csv strings.Builder
	csv.WriteString("id,state,wide,at,mail\n")
	for i := range 60 {
		fmt.Fprintf(&csv, "%d,%s,90071992547409%02d.25,2026-11-%02dT10:00:00Z,\n", i, []string{"new", "it's"}[i%2], i, 1+i%28)
	}
	d.upload("", csv.String())
	suggested := d.call(http.MethodGet, "/quality/suggestions", nil, http.StatusOK)
	for _, want := range []string{`"key":["id"]`, `"kind":"unique"`, `"values":["it's","new"]`, `"min":9007199254740900.25`, `"type":"TIMESTAMPTZ"`} {
		if !strings.Contains(string(suggested.Body), want) {
			t.Errorf("no %s in %s", want, suggested.Body)
		}
	}
	d.call(http.MethodPut, "/contract", string(suggested.Body), http.StatusOK)
	d.upload("", csv.String())
	d.want("ready 2")
	if c := d.check(2); *c.Score != 1 {
		t.Errorf("check %+v", c)
	}
}

func TestContract_Refusals_NameThePlace(t *testing.T) {
	t.Parallel()
	d := begin(t, "orders")
	for body, want := range map[string]string{
		`{"rules":[{"kind":"range","column":"n","maxx":5}]}`:             "body.rules[0].maxx",
		`{"rules":[{"kind":"range","column":"n","column":"m","max":5}]}`: "twice",
	} {
		if answer := d.call(http.MethodPut, "/contract", body, http.StatusUnprocessableEntity); !strings.Contains(string(answer.Body), want) {
			t.Errorf("%s: %s", body, answer.Body)
		}
	}
	d.call(http.MethodPut, "/contract", `{`, http.StatusBadRequest)
	d.call(http.MethodPut, "/contract", "a: [", http.StatusBadRequest, "Content-Type", "application/yaml")
	d.call(http.MethodPut, "/contract", "a: 1", http.StatusUnsupportedMediaType, "Content-Type", "text/plain")
	stranger := d.p.Login("owner")
	d.p.Do(stranger.Token, http.MethodPut, "/v1/datasets/"+d.id.String()+"/contract", `{}`).Want(t, http.StatusNotFound)
	d.p.Do(stranger.Token, http.MethodGet, "/v1/datasets/"+d.id.String()+"/quality", nil).Want(t, http.StatusNotFound)
	d.p.Do(stranger.Token, http.MethodGet, "/v1/datasets/"+d.id.String()+"/quality/1", nil).Want(t, http.StatusNotFound)
	d.p.Do(stranger.Token, http.MethodGet, "/v1/datasets/"+d.id.String()+"/quality/suggestions", nil).Want(t, http.StatusNotFound)
}
