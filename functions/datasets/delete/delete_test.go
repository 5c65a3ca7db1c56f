package delete_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/list"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	deletion.Service, list.Service,
}, datasetstest.Lifecycle...)

func TestDelete_DataSet_DisappearsAtOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "going")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	path := "/v1/datasets/" + d.ID.String()
	p.Do("", http.MethodDelete, path, nil).Want(t, http.StatusUnauthorized)
	p.Do(other.Token, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)

	p.Do(caller.Token, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)

	p.Do(caller.Token, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	datasetstest.WantRefusals(t, p, "datasets:delete", 2)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:delete' AND result = 'done'`); n != 1 {
		t.Errorf("%d deletions in the trail, want 1", n)
	}
	p.Do(caller.Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)
	if listed := string(p.Do(caller.Token, http.MethodGet, "/v1/datasets", nil).Body); strings.Contains(listed, "going") {
		t.Errorf("a deleted data set is listed: %s", listed)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM published.tables`); n != 0 {
		t.Errorf("a deleted data set can be queried")
	}
	event := platformtest.Published[events.DatasetDeleted](p, 1)[0].Data
	if event.DatasetID != d.ID || event.Status != "deleted" || !event.ChangedAt.After(d.ChangedAt) {
		t.Errorf("event %+v is not about the deletion of %s", event, d.ID)
	}
	if again := datasetstest.Create(t, p, caller.Token, "going"); again.ID == d.ID {
		t.Errorf("the name still refers to the deleted data set")
	}
}
