package status_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/status"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{status.Service}, datasetstest.Walk...)

func TestStatusCountsAndShowsWhatIsProcessed(t *testing.T) {
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
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `UPDATE dataset_versions SET progress = '{"stage": "write", "done": 0.5}' WHERE dataset_id = $1`, d.ID); err != nil {
		t.Fatal(err)
	}

	got := platformtest.Decode[struct {
		Counts     status.Counts
		Processing []status.Underway
	}](t, p.Do(caller.Token, http.MethodGet, "/v1/datasets/status", nil).Want(t, http.StatusOK))

	if want := (status.Counts{Draft: 1, Processing: 1, Ready: 1, Failed: 1}); got.Counts != want {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	want := []status.Underway{{ID: d.ID, Name: "busy", Version: 1, Progress: &datasets.Progress{Stage: "write", Done: 0.5}}}
	if diff := cmp.Diff(want, got.Processing); diff != "" {
		t.Errorf("processing (-want +got):\n%s", diff)
	}
	p.Do("", http.MethodGet, "/v1/datasets/status", nil).Want(t, http.StatusUnauthorized)
}
