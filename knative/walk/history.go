package walk

import (
	"net/http"
	"strconv"
)

// changeStations takes a small data set through its history: changes by key, a branch, a merge, a
// restore, and a deletion that is undone.
func (w *walk) changeStations() {
	h := w.create("stations", "local")
	h.add("", "id,height\na,1.5\nb,20.5\n")
	h.add("operation=append", "id,height\nc,7.25\n")
	call[map[string]any](w.client, http.MethodPost, h.path+"/branches", map[string]string{"name": "survey"}, http.StatusCreated)
	h.add("branch=survey&operation=upsert&key=id", "id,height\nb,21.5\n")
	h.add("operation=delete&key=id", "id\na\n")
	merge := call[version](w.client, http.MethodPost, h.path+"/branches/survey/merge", map[string]any{"key": []string{"id"}}, http.StatusAccepted)
	h.await(merge.Version)
	h.want("stations", [][]string{{"b", "21.5"}, {"c", "7.25"}})
	h.want("stations@1", [][]string{{"a", "1.5"}, {"b", "20.5"}})
	call[map[string]any](w.client, http.MethodPost, h.path+"/versions/2/restore", map[string]string{}, http.StatusCreated)
	w.want(http.MethodDelete, h.path, http.StatusNoContent)
	call[map[string]any](w.client, http.MethodPost, h.path+"/undelete", nil, http.StatusOK)
	h.want("stations", [][]string{{"a", "1.5"}, {"b", "20.5"}, {"c", "7.25"}})
}

func (w *walk) create(name, storageType string) *history {
	w.t.Helper()
	d := call[dataset](w.client, http.MethodPost, "/v1/datasets",
		map[string]string{"name": name, "description": "of a walk", "storage_type": storageType}, http.StatusCreated)
	return &history{walk: w, path: "/v1/datasets/" + d.ID}
}

// history is a data set with its versions.
type history struct {
	*walk
	path string
}

// add uploads a version with query parameters and waits until it is ready.
func (h *history) add(parameters, csv string) {
	h.t.Helper()
	v := decode[version](h.client, http.MethodPost, h.path, http.StatusCreated, h.upload(h.path+"/upload?"+parameters, "stations.csv", []byte(csv)))
	h.await(v.Version)
}

func (h *history) await(number int) {
	h.t.Helper()
	path := h.path + "/versions/" + strconv.Itoa(number)
	v := until(h.client, "version "+strconv.Itoa(number)+" to be ready", func() dataset { return get[dataset](h.client, path) },
		func(v dataset) bool { return v.Status != "processing" })
	if v.Status != "ready" {
		h.t.Fatalf("version %d is %s: %s", number, v.Status, v.Failure)
	}
}

func (h *history) want(from string, rows [][]string) {
	h.t.Helper()
	h.wantRows("SELECT id, CAST(height AS VARCHAR) FROM "+from+" ORDER BY id", rows)
}
