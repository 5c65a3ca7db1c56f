package status_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/status"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{status.Service}, datasetstest.Lifecycle...)

func TestStatus_CountsAndListsProcessing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	datasetstest.Create(t, p, other.Token, "theirs")
	datasetstest.Create(t, p, caller.Token, "draft")
	for i, content := range []string{"a\n1\n", "a\n1,2\n"} {
		d := datasetstest.Create(t, p, caller.Token, []string{"ready", "failed"}[i])
		datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", content).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)
	}
	d := datasetstest.Create(t, p, caller.Token, "busy")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `
UPDATE jobs SET state = 'running', attempt = 2, holder = gen_random_uuid(), progress = 'write', done = 1, total = 2 WHERE key = $1`, d.ID.String()+"/1"); err != nil {
		t.Fatal(err)
	}

	got := platformtest.Decode[struct {
		Counts     status.Counts
		Processing []status.ProcessingDataset
	}](t, p.Do(caller.Token, http.MethodGet, "/v1/datasets/status", nil).Want(t, http.StatusOK))

	if want := (status.Counts{Draft: 1, Processing: 1, Ready: 1, Failed: 1}); got.Counts != want {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	want := []status.ProcessingDataset{{ID: d.ID, Name: "busy", Version: 1, Progress: &profiling.Progress{Stage: "write", Done: 0.5}}}
	if diff := cmp.Diff(want, got.Processing); diff != "" {
		t.Errorf("processing (-want +got):\n%s", diff)
	}
	p.Do("", http.MethodGet, "/v1/datasets/status", nil).Want(t, http.StatusUnauthorized)
}

func TestGetStatus_ShowsProgressAttemptsAndFailure(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("viewer"), p.Login("owner")
	owner := p.LoginTo(caller.OrganizationID, "owner")
	d := datasetstest.Create(t, p, owner.Token, "one")
	path := "/v1/datasets/" + d.ID.String() + "/status"
	set := func(sql string) {
		t.Helper()
		if _, err := p.DB(database.Datasets).Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	read := func() status.DatasetStatus {
		t.Helper()
		return platformtest.Decode[status.DatasetStatus](t, p.Do(caller.Token, http.MethodGet, path, nil).Want(t, http.StatusOK))
	}
	if got := read(); got.Status != dataset.Draft || got.Version != 0 || got.Attempt != nil || got.Progress != nil {
		t.Errorf("before an upload %+v, want a draft", got)
	}
	datasetstest.Upload(t, p, owner.Token, d.ID, "a.csv", "a\n1,2\n").Want(t, http.StatusCreated)
	if got := read(); got.Status != dataset.Processing || *got.Attempt != 0 || *got.Attempts < 2 || got.Progress != nil || got.NextAttemptAt != nil {
		t.Errorf("after an upload %+v, want it to wait for its first attempt", got)
	}
	set(`UPDATE jobs SET state = 'running', attempt = 1, holder = gen_random_uuid(), progress = 'infer', done = 250, total = 1000`)
	if got := read(); *got.Attempt != 1 || got.Progress == nil || *got.Progress != (profiling.Progress{Stage: "infer", Done: 0.25}) {
		t.Errorf("while it is profiled %+v, want a quarter done", got)
	}
	set(`UPDATE jobs SET state = 'retryable', holder = NULL`)
	if got := read(); got.Progress != nil || got.NextAttemptAt == nil {
		t.Errorf("after a failed attempt %+v, want the time of the next", got)
	}
	set(`UPDATE jobs SET state = 'available', attempt = 0`)
	datasetstest.Profile(t, p, 1)
	if got := read(); got.Status != dataset.Failed || got.Failure == nil || got.Attempt != nil {
		t.Errorf("after the last attempt %+v, want it failed with a message", got)
	}
	p.Do(other.Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)
}
