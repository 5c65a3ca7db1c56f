package checkfreshness_test

import (
	"net/http"
	"testing"
	"time"

	checkfreshness "function/functions/datasets/check-freshness"
	"function/functions/datasets/contract"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{checkfreshness.Service, contract.Service, deletion.Service}, datasetstest.Lifecycle...)

func TestCheckFreshness_LateVersion_IsReportedOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	d := datasetstest.Create(t, p, owner.Token, "orders")
	path := "/v1/datasets/" + d.ID.String()
	promise := func(freshness string) {
		t.Helper()
		p.Do(owner.Token, http.MethodPut, path+"/contract", `{"service_levels":{"freshness":"`+freshness+`"}}`).Want(t, http.StatusOK)
	}
	upload := func(n int) {
		t.Helper()
		datasetstest.Upload(t, p, owner.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, n)
	}
	age := func(days int) {
		t.Helper()
		for _, update := range []string{`UPDATE dataset_versions SET uploaded_at = uploaded_at - $1 * interval '1 day'`, `UPDATE dataset_contracts SET created_at = created_at - $1 * interval '1 day'`} {
			if _, err := p.DB(database.Datasets).Exec(t.Context(), update, days); err != nil {
				t.Fatal(err)
			}
		}
	}
	late := func(want int) {
		t.Helper()
		for range 2 { // the second time must not report again
			p.Wake("datasets-check-freshness").Want(t, http.StatusNoContent)
		}
		if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_lateness`); n != want {
			t.Errorf("%d late times, want %d", n, want)
		}
	}
	promise("36h")
	upload(1)
	late(0)
	age(1)
	late(0)
	age(1)
	late(1)
	missed := platformtest.Published[events.FreshnessMissed](p, 1)[0].Data
	if missed.DatasetID != d.ID || missed.Version != 1 || missed.OrganizationID != owner.OrganizationID || time.Until(missed.DueAt) > 0 {
		t.Errorf("event %+v", missed)
	}
	if n := platformtest.Published[events.NoticeRequested](p, 1)[0].Data; n.Notice != "dataset_late" || n.UserID != owner.UserID || n.Params["dataset_id"] != d.ID.String() {
		t.Errorf("notice %+v", n)
	}
	promise("7d")
	late(1)
	promise("1d") // another promise, which is missed, too
	late(2)
	upload(2)
	late(2)
	age(2)
	late(3)
	p.Do(owner.Token, http.MethodPut, path+"/contract", `{}`).Want(t, http.StatusOK)
	age(9)
	late(3)
	promise("1d")
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	late(3)
	if n := datasetstest.Count(t, p, `SELECT sum(value)::int FROM published.metrics WHERE name = 'data_freshness_missed_total'`); n != 3 {
		t.Errorf("the metric counts %d", n)
	}
}

func TestCheckFreshness_NoVersion_IsLateAfterItsContract(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	d := datasetstest.Create(t, p, owner.Token, "orders")
	p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+d.ID.String()+"/contract", `{"service_levels":{"freshness":"1h"}}`).Want(t, http.StatusOK)
	p.Wake("datasets-check-freshness").Want(t, http.StatusNoContent)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_lateness`); n != 0 {
		t.Errorf("%d late times at first", n)
	}
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_contracts SET created_at = created_at - interval '2 hours'`); err != nil {
		t.Fatal(err)
	}
	p.Wake("datasets-check-freshness").Want(t, http.StatusNoContent)
	if missed := platformtest.Published[events.FreshnessMissed](p, 1)[0].Data; missed.Version != 0 {
		t.Errorf("event %+v", missed)
	}
}
