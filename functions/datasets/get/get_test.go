package get_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func TestGet_FromDraftToReady(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "followed")
	if got := datasetstest.Get(t, p, caller.Token, d.ID); got.Status != dataset.Draft || got.Format != nil || got.Columns != nil {
		t.Errorf("draft %+v", got)
	}
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	if _, err := p.DB(database.Datasets).Exec(t.Context(), `
UPDATE jobs SET state = 'running', holder = gen_random_uuid(), progress = 'infer', done = 1, total = 4, due_at = now()`); err != nil {
		t.Fatal(err)
	}
	got := datasetstest.Get(t, p, caller.Token, d.ID)
	if got.Status != dataset.Processing || got.Progress == nil || *got.Progress != (profiling.Progress{Stage: "infer", Done: 0.25}) || *got.SizeBytes != 4 || got.ReadyVersion != nil {
		t.Errorf("processing data set %+v", got)
	}
	datasetstest.Profile(t, p, 1)
	got = datasetstest.Get(t, p, caller.Token, d.ID)
	if got.Status != dataset.Ready || got.Progress != nil || *got.RowCount != 1 || got.Columns == nil || !got.ChangedAt.After(d.ChangedAt) {
		t.Errorf("ready data set %+v", got)
	}
}

func TestGet_NotFound(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, datasetstest.Lifecycle...)
	caller, other := p.Login("owner"), p.Login("owner")
	path := "/v1/datasets/" + datasetstest.Create(t, p, caller.Token, "mine").ID.String()
	p.Do(other.Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)
	p.Do(caller.Token, http.MethodGet, "/v1/datasets/"+uuid.NewString(), nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodGet, "/v1/datasets/nonsense", nil).Want(t, http.StatusUnprocessableEntity)
}
