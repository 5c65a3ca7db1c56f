package derive_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/derive"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/versions"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// team is an organization with derived data sets.
type team struct {
	*platformtest.Platform
	t        *testing.T
	caller   platformtest.Caller
	profiled int
	ready    int
}

func open(t *testing.T) *team {
	t.Helper()
	p := platformtest.New(t, append([]function.Declaration{derive.Service, deletion.Service, restoreversion.Service, versions.Service, outboxrelay.Service}, datasetstest.Lifecycle...)...)
	return &team{Platform: p, t: t, caller: p.Login("owner")}
}

func (o *team) create(name string) uuid.UUID {
	o.t.Helper()
	return datasetstest.Create(o.t, o.Platform, o.caller.Token, name).ID
}

// upload uploads a version and prepares it.
func (o *team) upload(id uuid.UUID, content string) {
	o.t.Helper()
	datasetstest.Upload(o.t, o.Platform, o.caller.Token, id, "a.csv", content).Want(o.t, http.StatusCreated)
	o.profile()
}

// profile runs the next job.
func (o *team) profile() {
	o.t.Helper()
	o.profiled++
	datasetstest.Profile(o.t, o.Platform, o.profiled)
}

func (o *team) derive(id uuid.UUID, query string) platformtest.Answer {
	o.t.Helper()
	return o.Do(o.caller.Token, http.MethodPost, "/v1/datasets/"+id.String()+"/derive", map[string]any{"query": query})
}

// settle delivers the news of all ready versions and runs all jobs, until nothing is left to do.
func (o *team) settle() {
	o.t.Helper()
	for {
		n := datasetstest.Count(o.t, o.Platform, `SELECT count(*) FROM dataset_versions WHERE status = 'ready'`)
		for ready := platformtest.Published[events.DatasetReady](o.Platform, n); o.ready < n; o.ready++ {
			platformtest.Deliver(o.Platform, "datasets-derive", ready[o.ready]).Want(o.t, http.StatusNoContent)
		}
		if o.profiled == datasetstest.Count(o.t, o.Platform, `SELECT count(*) FROM jobs WHERE kind = 'datasets-profile'`) {
			return
		}
		o.profile()
	}
}

// history returns the versions of a data set, oldest first, with their rows and inputs.
func (o *team) history(id uuid.UUID) string {
	o.t.Helper()
	var text string
	err := o.DB(database.Datasets).QueryRow(o.t.Context(), `
SELECT coalesce(string_agg(format('%s %s %s [%s]', v.version, v.operation, coalesce(v.row_count::text, v.failure, v.status),
    (SELECT string_agg(format('%s=%s', i.name, i.input_version), ' ' ORDER BY i.name) FROM version_inputs i WHERE (i.dataset_id, i.version) = (v.dataset_id, v.version))), E'\n' ORDER BY v.version), '')
FROM dataset_versions v WHERE v.dataset_id = $1`, id).Scan(&text)
	if err != nil {
		o.t.Fatal(err)
	}
	return text
}

func (o *team) want(id uuid.UUID, lines ...string) {
	o.t.Helper()
	if diff := cmp.Diff(strings.Join(lines, "\n"), o.history(id)); diff != "" {
		o.t.Error(diff)
	}
}

func TestDerive_InputsChange_RunsOnceForEachSetOfVersions(t *testing.T) {
	t.Parallel()
	o := open(t)
	sales, rates, totals, top := o.create("sales"), o.create("rates"), o.create("totals"), o.create("top")
	o.upload(sales, "region,amount\nn,1\nn,2\ns,5\n")
	o.derive(totals, "SELECT region, sum(amount * rate) AS total FROM sales JOIN rates USING (region) GROUP BY region").Want(t, http.StatusAccepted)
	o.derive(top, `SELECT max(total) AS best FROM "totals"`).Want(t, http.StatusAccepted)
	o.settle()
	o.want(totals)
	o.upload(rates, "region,rate\nn,2\ns,3\n")
	o.settle()
	o.want(totals, "1 derive 2 [rates=1 sales=1]")
	o.want(top, "1 derive 1 [totals=1]")

	o.upload(sales, "region,amount\nn,1\nn,2\ns,5\nx,1\n")
	o.upload(rates, "region,rate\nn,2\ns,3\nx,1\n")
	o.settle()
	o.want(totals, "1 derive 2 [rates=1 sales=1]", "2 derive 3 [rates=2 sales=2]")
	o.want(top, "1 derive 1 [totals=1]", "2 derive 1 [totals=2]")
	ready := platformtest.Published[events.DatasetReady](o.Platform, o.ready)
	for i := range ready { // once more, in the other order
		platformtest.Deliver(o.Platform, "datasets-derive", ready[len(ready)-1-i]).Want(t, http.StatusNoContent)
	}
	o.settle()
	o.want(totals, "1 derive 2 [rates=1 sales=1]", "2 derive 3 [rates=2 sales=2]")

	o.Do(o.caller.Token, http.MethodDelete, "/v1/datasets/"+rates.String(), nil).Want(t, http.StatusNoContent)
	o.upload(sales, "region,amount\nn,7\n")
	o.settle()
	if got := o.history(totals); !strings.Contains(got, "3 derive The data set \"rates\", which the query reads, has been deleted") {
		t.Errorf("history %s", got)
	}

	datasetstest.Upload(t, o.Platform, o.caller.Token, totals, "a.csv", "a\n1\n").Want(t, http.StatusConflict)
	o.Do(o.caller.Token, http.MethodPost, "/v1/datasets/"+totals.String()+"/versions/1/restore", map[string]any{}).Want(t, http.StatusConflict)
	o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+totals.String()+"/derive", nil).Want(t, http.StatusOK)
	o.Do(o.caller.Token, http.MethodDelete, "/v1/datasets/"+totals.String()+"/derive", nil).Want(t, http.StatusNoContent)
	o.Do(o.caller.Token, http.MethodDelete, "/v1/datasets/"+totals.String()+"/derive", nil).Want(t, http.StatusNotFound)
	o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+totals.String()+"/derive", nil).Want(t, http.StatusNotFound)
	datasetstest.Upload(t, o.Platform, o.caller.Token, totals, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
}

func TestDerive_QueryNamesAVersion_ReadsIt(t *testing.T) {
	t.Parallel()
	o := open(t)
	sales, change := o.create("sales"), o.create("change")
	o.upload(sales, "n\n1\n2\n")
	o.upload(sales, "n\n1\n2\n3\n")
	o.derive(change, "SELECT * FROM sales EXCEPT SELECT * FROM sales@1").Want(t, http.StatusAccepted)
	o.settle()
	o.want(change, "1 derive 1 [sales=2 sales@1=1]")
	if n := datasetstest.Count(t, o.Platform, `SELECT count(*) FROM version_column_inputs WHERE dataset_id = $1 AND column_name = 'n' AND kind = 'DIRECT' AND name = 'sales'`, change); n != 1 {
		t.Errorf("%d columns determine n, want 1", n)
	}
}

func TestDerive_Refusals(t *testing.T) {
	t.Parallel()
	o := open(t)
	sales, a, b := o.create("sales"), o.create("a"), o.create("b")
	o.upload(sales, "n\n1\n")
	o.derive(a, "SELECT n FROM sales UNION ALL SELECT n FROM b").Want(t, http.StatusAccepted)
	for query, want := range map[string]string{
		"SELECT n FROM a":                          "itself",
		"SELECT n FROM b":                          "itself",
		"SELECT 1 AS n":                            "reads no data set",
		"SELECT nothing FROM sales":                "nothing",
		"SELECT * FROM nowhere":                    "There is no table",
		"DROP TABLE sales":                         "Only SELECT",
		"SELECT * FROM sales; SELECT 1":            "more than one statement",
		"SELECT * FROM read_csv('/etc/passwd')":    "not available",
		"SELECT * FROM sales WHERE n = ?":          "placeholders",
		"SELECT * FROM sales@7":                    "no ready version",
		"SELECT * FROM sales s, read_text('/etc')": "not available",
	} {
		if answer := o.derive(b, query).Want(t, http.StatusUnprocessableEntity); !strings.Contains(string(answer.Body), want) {
			t.Errorf("%s: %s, want %q", query, answer.Body, want)
		}
	}
	stranger := o.Login("owner")
	query := map[string]any{"query": "SELECT n FROM sales"}
	own := datasetstest.Create(t, o.Platform, stranger.Token, "own").ID
	o.Do(stranger.Token, http.MethodPost, "/v1/datasets/"+b.String()+"/derive", query).Want(t, http.StatusNotFound)
	o.Do(stranger.Token, http.MethodPost, "/v1/datasets/"+own.String()+"/derive", query).Want(t, http.StatusUnprocessableEntity)
	o.Do(stranger.Token, http.MethodGet, "/v1/datasets/"+a.String()+"/derive", nil).Want(t, http.StatusNotFound)
}
