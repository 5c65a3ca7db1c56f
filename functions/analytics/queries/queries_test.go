package queries_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/queries"
	"function/functions/analytics/query"
	"function/functions/datasets/datasetstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

type entry struct {
	ID       uuid.UUID
	Query    string
	Status   string
	RowCount *int   `json:"row_count"`
	Failure  string `json:"failure"`
	EndedAt  *time.Time
}

const path = "/v1/analytics/queries"

func list(t *testing.T, p *platformtest.Platform, c platformtest.Caller, filter string) (all []entry) {
	t.Helper()
	return platformtest.Decode[struct{ Items []entry }](t, p.Do(c.Token, http.MethodGet, path+filter, nil).Want(t, http.StatusOK)).Items
}

func ask(db, sql string, id *uuid.UUID) map[string]any {
	body := map[string]any{"database": db, "query": sql}
	if id != nil {
		body["query_id"] = id
	}
	return body
}

func TestList_QueriesThatEnded_AreShownToTheirPerson(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, queries.Service, query.Service)
	caller := p.Login("member")
	colleague := p.LoginTo(caller.OrganizationID, "member")
	analyticstest.Load(t, p, caller.OrganizationID, "weather", analyticstest.Weather)
	run := func(db, sql string, want int) {
		t.Helper()
		p.Do(caller.Token, http.MethodPost, "/v1/analytics/query", ask(db, sql, nil)).Want(t, want)
	}
	run("datasets", "SELECT DISTINCT weather FROM weather", http.StatusOK)
	run("postgresql", "SELECT nothing", http.StatusUnprocessableEntity)
	run("datasets", "SELECT '\x00'", http.StatusUnprocessableEntity)

	got := list(t, p, caller, "")
	if len(got) != 2 || got[0].Status != "refused" || got[0].Failure == "" || got[1].Status != "succeeded" || got[1].RowCount == nil || *got[1].RowCount != 5 || got[1].Query != "SELECT DISTINCT weather FROM weather" {
		t.Errorf("history %+v", got)
	}
	if got := list(t, p, caller, "?status=succeeded&database=datasets"); len(got) != 1 {
		t.Errorf("succeeded: %+v", got)
	}
	if got := list(t, p, colleague, ""); len(got) != 0 {
		t.Errorf("another person sees %+v", got)
	}
	one := path + "/" + got[0].ID.String()
	p.Do(colleague.Token, http.MethodGet, one, nil).Want(t, http.StatusNotFound)
	p.Do(colleague.Token, http.MethodDelete, one, nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodDelete, one, nil).Want(t, http.StatusConflict)
	if diff := cmp.Diff(got[0], platformtest.Decode[entry](t, p.Do(caller.Token, http.MethodGet, one, nil).Want(t, http.StatusOK))); diff != "" {
		t.Error(diff)
	}
	p.Do(caller.Token, http.MethodPost, "/v1/analytics/query", ask("datasets", "SELECT 1", &got[0].ID)).Want(t, http.StatusConflict)
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Analytics).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// endless runs until it is stopped.
var endless = map[string]string{
	"datasets":   "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c WHERE hash(a.range, b.range, c.range) = 1",
	"postgresql": "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a = -b",
}

func TestCancel_RunningQuery_Stops(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, queries.Service, query.Service)
	caller := p.Login("member")
	for name, sql := range endless {
		id := uuid.New()
		answer := make(chan platformtest.Answer, 1)
		go func() {
			answer <- p.Do(caller.Token, http.MethodPost, "/v1/analytics/query", ask(name, sql, &id))
		}()
		one := path + "/" + id.String()
		datasetstest.WaitFor(t, "the query to run", func() bool { return p.Do(caller.Token, http.MethodGet, one, nil).Status == http.StatusOK })
		p.Do(caller.Token, http.MethodDelete, one, nil).Want(t, http.StatusAccepted)
		(<-answer).Want(t, http.StatusConflict)
		if got := platformtest.Decode[entry](t, p.Do(caller.Token, http.MethodGet, one, nil)); got.Status != "cancelled" {
			t.Errorf("%s: %+v", name, got)
		}
		p.Do(caller.Token, http.MethodDelete, one, nil).Want(t, http.StatusConflict)
	}
}

func TestQuery_ClientLeaves_IsCancelled(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, queries.Service, query.Service)
	caller := p.Login("member")
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		body, _ := json.Marshal(ask("datasets", endless["datasets"], nil))
		request, _ := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/v1/analytics/query", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+caller.Token)
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	datasetstest.WaitFor(t, "the query to run", func() bool { return len(list(t, p, caller, "?status=running")) == 1 })
	leave()
	<-left
	datasetstest.WaitFor(t, "the query to end", func() bool { return len(list(t, p, caller, "?status=cancelled")) == 1 })
}

func TestList_ProcessHasEnded_QueryHasFailed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, queries.Service)
	caller := p.Login("member")
	id := uuid.New()
	exec(t, p, `INSERT INTO queries (id, organization_id, user_id, database, sql, seen_at) VALUES ($1, $2, $3, 'datasets', 'SELECT 1', now() - interval '2 minutes')`, id, caller.OrganizationID, caller.UserID)
	if got := list(t, p, caller, "?status=failed"); len(got) != 1 || got[0].Failure == "" {
		t.Errorf("history %+v", got)
	}
	p.Do(caller.Token, http.MethodDelete, path+"/"+id.String(), nil).Want(t, http.StatusConflict)
	exec(t, p, `INSERT INTO queries (id, organization_id, user_id, database, sql, started_at) VALUES (gen_random_uuid(), $1, $2, 'datasets', 'SELECT 1', now() - interval '91 days')`, caller.OrganizationID, caller.UserID)
	p.Wake("analytics-queries").Want(t, http.StatusNoContent)
	if got := list(t, p, caller, ""); len(got) != 1 {
		t.Errorf("after tidying: %+v", got)
	}
	platformtest.Deliver(p, "analytics-queries", platformtest.Event(events.UserErased{UserID: caller.UserID, ErasedAt: time.Now()})).Want(t, http.StatusNoContent)
	if got := list(t, p, caller, ""); len(got) != 0 {
		t.Errorf("after the erasure: %+v", got)
	}
}
