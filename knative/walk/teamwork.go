package walk

import (
	"net/http"
	"time"
)

// mergeTwoBranches has two people change different rows on branches of their own. Each approves the
// other's proposal.
func (m *team) mergeTwoBranches() {
	h := m.create("ledger", "local")
	m.send(h, "", "a.csv", []byte("id,v\na,1\nb,2\nc,3\n"))
	call[map[string]any](m.client, http.MethodPut, h.path+"/protection", map[string]bool{"protected": true}, http.StatusOK)
	changes := []struct {
		maker, approver *walk
		branch          string
		parameters, csv string
	}{
		{m.walk, m.bob, "ada", "operation=upsert&key=id", "id,v\na,10\nd,4\n"},
		{m.bob, m.walk, "bob", "operation=delete&key=id", "id\nb\n"},
	}
	for _, c := range changes {
		call[map[string]any](c.maker.client, http.MethodPost, h.path+"/branches", map[string]string{"name": c.branch}, http.StatusCreated)
		theirs := &history{walk: c.maker, path: h.path}
		theirs.add("branch="+c.branch+"&"+c.parameters, c.csv)
	}
	if refused := m.form(h, "", "a.csv", []byte("id,v\nz,0\n")); refused.status != http.StatusConflict {
		m.t.Fatalf("upload to a protected main: %d %s", refused.status, refused.body)
	}
	for _, c := range changes {
		p := call[struct{ ID string }](c.maker.client, http.MethodPost, h.path+"/proposals",
			map[string]any{"branch": c.branch, "key": []string{"id"}, "message": "corrects the ledger"}, http.StatusCreated)
		approve := h.path + "/proposals/" + p.ID + "/approve"
		call[map[string]any](c.maker.client, http.MethodPost, approve, map[string]string{}, http.StatusForbidden)
		approved := call[struct {
			Status        string
			MergedVersion int `json:"merged_version"`
		}](c.approver.client, http.MethodPost, approve, map[string]string{"reason": "checked"}, http.StatusOK)
		if approved.Status != "approved" {
			m.t.Fatalf("proposal %+v", approved)
		}
		h.await(approved.MergedVersion)
	}
	m.wantRows("SELECT id, v FROM ledger ORDER BY id", [][]string{{"a", "10"}, {"c", "3"}, {"d", "4"}})
	m.wantRows("SELECT id, v FROM ledger@1 ORDER BY id", [][]string{{"a", "1"}, {"b", "2"}, {"c", "3"}})
}

// queryAtATime reads what a data set was between two uploads, and before the first.
func (m *team) queryAtATime() {
	h := m.create("prices", "local")
	m.send(h, "", "a.csv", []byte("id,v\na,1\n"))
	first := get[struct {
		CreatedAt time.Time `json:"created_at"`
		ReadyAt   time.Time `json:"ready_at"`
	}](m.client, h.path+"/versions/1")
	m.send(h, "", "b.csv", []byte("id,v\na,2\n"))
	between := first.ReadyAt.UTC().Format(time.RFC3339Nano)
	m.wantRows(`SELECT id, v FROM "prices@`+between+`"`, [][]string{{"a", "1"}})
	m.wantRows("SELECT id, v FROM prices", [][]string{{"a", "2"}})
	if got := m.want(http.MethodGet, h.path+"/download?version="+between, http.StatusOK); string(got.body) != "id,v\na,1\n" {
		m.t.Fatalf("download at %s: %q", between, got.body)
	}
	before := first.CreatedAt.UTC().Format(time.RFC3339Nano)
	m.want(http.MethodGet, h.path+"/download?version="+before, http.StatusNotFound)
}

// dropAndRestore has the other person undo a deletion.
func (m *team) dropAndRestore() {
	h := m.create("dropped", "local")
	content := []byte("id,v\na,1\n")
	m.send(h, "", "a.csv", content)
	m.want(http.MethodDelete, h.path, http.StatusNoContent)
	m.want(http.MethodGet, h.path, http.StatusNotFound)
	m.want(http.MethodGet, h.path+"/download", http.StatusNotFound)
	call[map[string]any](m.bob.client, http.MethodPost, h.path+"/undelete", nil, http.StatusOK)
	m.wantRows("SELECT id, v FROM dropped", [][]string{{"a", "1"}})
	m.wantFile(h, content)
}
