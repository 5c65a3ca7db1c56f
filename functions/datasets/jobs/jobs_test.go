package jobs_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/jobs"
	"function/functions/datasets/retry"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{jobs.Service, retry.Service}, datasetstest.Lifecycle...)

func TestJobs_CancelledJob_FailsItsVersionAndCanBeRetried(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, stranger := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "slow")
	path := "/v1/datasets/" + d.ID.String()
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	p.Do(stranger.Token, http.MethodPost, path+"/jobs/1/cancel", nil).Want(t, http.StatusNotFound)

	p.Do(caller.Token, http.MethodPost, path+"/jobs/1/cancel", nil).Want(t, http.StatusOK)

	datasetstest.Profile(t, p, 1) // its event is still delivered
	got := datasetstest.Get(t, p, caller.Token, d.ID)
	if got.Status != "failed" || !strings.Contains(*got.Failure, "cancelled") {
		t.Fatalf("data set %+v, want it failed", got)
	}
	p.Do(caller.Token, http.MethodPost, path+"/jobs/1/cancel", nil).Want(t, http.StatusConflict)
	p.Do(caller.Token, http.MethodPost, path+"/versions/1/retry", nil).Want(t, http.StatusAccepted)
	datasetstest.Profile(t, p, 2)
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != "ready" {
		t.Errorf("after the retry: %+v", got)
	}
	list := platformtest.Decode[struct{ Items []jobs.Job }](t, p.Do(caller.Token, http.MethodGet, path+"/jobs", nil).Want(t, http.StatusOK)).Items
	if len(list) != 2 || list[0].State != "completed" || list[1].State != "cancelled" || list[0].FinishedAt == nil {
		t.Errorf("jobs %+v", list)
	}
	p.Do(stranger.Token, http.MethodGet, path+"/jobs", nil).Want(t, http.StatusNotFound)
}

func TestWatch_SendsProgressUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "watched")
	path := "/v1/datasets/" + d.ID.String() + "/jobs/watch"
	if got := string(p.Do(caller.Token, http.MethodGet, path, nil).Want(t, http.StatusOK).Body); got != "event: jobs\ndata: []\n\nevent: end\ndata: {}\n\n" {
		t.Errorf("events without jobs: %q", got)
	}
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	db := p.DB(database.Datasets)
	if _, err := db.Exec(t.Context(), `UPDATE jobs SET state = 'running', holder = gen_random_uuid(), progress = 'infer', done = 1, total = 4`); err != nil {
		t.Fatal(err)
	}
	response := watch(t, p, caller.Token, path)
	events := bufio.NewReader(response.Body)

	first := event(t, events)
	if _, err := db.Exec(t.Context(), `UPDATE jobs SET state = 'completed', holder = NULL, event = NULL, finished_at = now()`); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(events)

	if response.Header.Get("Content-Type") != "text/event-stream" || !strings.HasPrefix(first, "event: jobs\n") || !strings.Contains(first, `"stage":"infer","done":0.25`) {
		t.Errorf("first event %q, headers %v", first, response.Header)
	}
	if err != nil || string(rest) != "event: jobs\ndata: []\n\nevent: end\ndata: {}\n\n" {
		t.Errorf("then %q, %v", rest, err)
	}
}

// watch begins to watch the jobs, and returns once the response has begun.
func watch(t *testing.T, p *platformtest.Platform, token, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// event reads one server-sent event.
func event(t *testing.T, from *bufio.Reader) (text string) {
	t.Helper()
	for !strings.HasSuffix(text, "\n\n") {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		text += line
	}
	return text
}
