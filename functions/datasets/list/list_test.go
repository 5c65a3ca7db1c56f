package list_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/list"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{list.Service}, datasetstest.Lifecycle...)

func TestList_SeveralPages_ReturnsTheOrganizationsDataSets(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	for i := range 5 {
		datasetstest.Create(t, p, caller.Token, fmt.Sprintf("d%d", i))
	}
	datasetstest.Create(t, p, other.Token, "theirs")

	var names []string
	for cursor := ""; ; {
		answer := p.Do(caller.Token, http.MethodGet, "/v1/datasets?limit=2&cursor="+cursor, nil).Want(t, http.StatusOK)
		got := platformtest.Decode[page.Page[dataset.Dataset]](t, answer)
		for _, d := range got.Items {
			names = append(names, d.Name)
		}
		if cursor = got.NextCursor; cursor == "" {
			break
		}
	}

	if want := []string{"d4", "d3", "d2", "d1", "d0"}; !slices.Equal(names, want) {
		t.Errorf("listed %v, want %v", names, want)
	}
}

func TestList_Status_Filters(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	datasetstest.Create(t, p, caller.Token, "draft")
	ready := datasetstest.Create(t, p, caller.Token, "ready")
	datasetstest.Upload(t, p, caller.Token, ready.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)

	answer := p.Do(caller.Token, http.MethodGet, "/v1/datasets?status=ready", nil).Want(t, http.StatusOK)

	items := platformtest.Decode[page.Page[dataset.Dataset]](t, answer).Items
	if len(items) != 1 || items[0].ID != ready.ID || items[0].RowCount == nil || *items[0].RowCount != 1 || *items[0].Format != "csv" {
		t.Errorf("listed %+v, want only the ready data set", items)
	}
	p.Do(caller.Token, http.MethodGet, "/v1/datasets?status=lost", nil).Want(t, http.StatusUnprocessableEntity)
	p.Do(caller.Token, http.MethodGet, "/v1/datasets?cursor=x", nil).Want(t, http.StatusUnprocessableEntity)
	p.Do("", http.MethodGet, "/v1/datasets", nil).Want(t, http.StatusUnauthorized)
}
