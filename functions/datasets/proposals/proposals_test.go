package proposals_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/diff"
	mergebranch "function/functions/datasets/merge-branch"
	"function/functions/datasets/proposals"
	"function/functions/datasets/protect"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/versions"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	proposals.Service, protect.Service, branches.Service, restoreversion.Service, mergebranch.Service, versions.Service, deletion.Service, diff.Service,
}, datasetstest.Lifecycle...)

// team is a protected data set with a branch, and the two people who change it.
type team struct {
	*testing.T
	p               *platformtest.Platform
	maker, approver platformtest.Caller
	id              uuid.UUID
	profiled        int
}

func begin(t *testing.T) *team {
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	d := &team{T: t, p: p, approver: owner, maker: p.LoginTo(owner.OrganizationID, "member"), id: datasetstest.Create(t, p, owner.Token, "ledger").ID}
	d.upload("", "id,v\na,1\nb,2\n", http.StatusCreated)
	d.call(d.maker, http.MethodPost, "/branches", map[string]any{"name": "fix"}, http.StatusCreated)
	d.call(d.maker, http.MethodPut, "/protection", map[string]any{"protected": true}, http.StatusForbidden)
	d.call(d.approver, http.MethodPut, "/protection", map[string]any{"protected": true}, http.StatusOK)
	return d
}

func (d *team) call(c platformtest.Caller, method, rest string, body any, status int) platformtest.Answer {
	d.Helper()
	return d.p.Do(c.Token, method, "/v1/datasets/"+d.id.String()+rest, body).Want(d, status)
}

func (d *team) upload(parameters, csv string, status int) {
	d.Helper()
	body, contentType := datasetstest.Form(d, "file", "a.csv", "", csv)
	d.p.Do(d.maker.Token, http.MethodPost, "/v1/datasets/"+d.id.String()+"/upload?"+parameters, body, "Content-Type", contentType).Want(d, status)
	if status == http.StatusCreated {
		d.profile()
	}
}

func (d *team) profile() {
	d.Helper()
	d.profiled++
	datasetstest.Profile(d, d.p, d.profiled)
}

func (d *team) propose(key ...string) proposals.Proposal {
	d.Helper()
	body := map[string]any{"branch": "fix", "message": "corrects b"}
	if len(key) > 0 {
		body["key"] = key
	}
	return platformtest.Decode[proposals.Proposal](d, d.call(d.maker, http.MethodPost, "/proposals", body, http.StatusCreated))
}

func TestProposals_Protected_OnlyApprovedChangesReachMain(t *testing.T) {
	t.Parallel()
	d := begin(t)
	d.upload("", "id,v\nz,0\n", http.StatusConflict)
	d.call(d.approver, http.MethodPost, "/versions/1/restore", map[string]any{}, http.StatusConflict)
	d.call(d.approver, http.MethodPost, "/branches/fix/merge", map[string]any{"key": []string{"id"}}, http.StatusConflict)
	d.call(d.approver, http.MethodDelete, "", nil, http.StatusConflict)
	d.call(d.maker, http.MethodPost, "/proposals", map[string]any{"branch": "fix", "message": "nothing"}, http.StatusConflict)

	d.upload("branch=fix&operation=upsert&key=id", "id,v\nb,9\n", http.StatusCreated)
	proposal := d.propose("id")
	path := "/proposals/" + proposal.ID.String()
	d.call(d.maker, http.MethodPost, path+"/approve", map[string]any{}, http.StatusForbidden) // lacks the permission
	d.call(d.approver, http.MethodDelete, path, nil, http.StatusForbidden)                    // is not the maker's own
	got := platformtest.Decode[proposals.Proposal](t, d.call(d.approver, http.MethodPost, path+"/approve", map[string]any{"reason": "checked"}, http.StatusOK))
	d.profile()

	if got.Status != "approved" || got.MergedVersion == nil || *got.MergedVersion != 3 || *got.DecidedBy != d.approver.UserID || *got.Reason != "checked" {
		t.Errorf("approved proposal %+v", got)
	}
	if data := datasetstest.Get(t, d.p, d.maker.Token, d.id); data.Status != "ready" || *data.ReadyVersion != 3 || *data.RowCount != 2 {
		t.Errorf("data set %+v", data)
	}
	d.call(d.approver, http.MethodPost, path+"/reject", map[string]any{}, http.StatusConflict)
	if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:approve_proposal' AND result = 'done'`); n != 1 {
		t.Errorf("%d approvals in the trail, want 1", n)
	}
}

func TestProposals_OwnProposal_IsNotApproved(t *testing.T) {
	t.Parallel()
	d := begin(t)
	d.maker = d.approver
	d.upload("branch=fix", "id,v\nc,3\n", http.StatusCreated)
	proposal := d.propose()
	answer := d.call(d.approver, http.MethodPost, "/proposals/"+proposal.ID.String()+"/approve", map[string]any{}, http.StatusForbidden)
	if !strings.Contains(string(answer.Body), "Another person must approve") {
		t.Errorf("refusal %s", answer.Body)
	}
}

func TestProposals_WithoutKey_TakesMainsPlace(t *testing.T) {
	t.Parallel()
	d := begin(t)
	d.upload("branch=fix", "id,v\nc,3\n", http.StatusCreated)
	d.call(d.maker, http.MethodPost, "/proposals", map[string]any{"branch": "nope", "message": "x"}, http.StatusNotFound)
	first := d.propose()
	d.call(d.maker, http.MethodPost, "/proposals", map[string]any{"branch": "fix", "message": "again"}, http.StatusConflict)
	d.call(d.maker, http.MethodDelete, "/proposals/"+first.ID.String(), nil, http.StatusNoContent)
	second := d.propose()
	d.upload("branch=fix&operation=append", "id,v\nd,4\n", http.StatusCreated)
	d.call(d.approver, http.MethodPost, "/proposals/"+second.ID.String()+"/approve", map[string]any{}, http.StatusConflict) // the branch has changed
	d.call(d.approver, http.MethodPost, "/proposals/"+second.ID.String()+"/reject", map[string]any{"reason": "stale"}, http.StatusOK)
	third := d.propose()
	d.call(d.approver, http.MethodPost, "/proposals/"+third.ID.String()+"/approve", map[string]any{}, http.StatusOK)

	if data := datasetstest.Get(t, d.p, d.maker.Token, d.id); *data.RowCount != 2 || *data.ReadyVersion != 4 {
		t.Errorf("data set %+v", data)
	}
	list := platformtest.Decode[page.Page[proposals.Proposal]](t, d.call(d.maker, http.MethodGet, "/proposals", nil, http.StatusOK)).Items
	if len(list) != 3 || list[0].Status != "approved" || list[1].Status != "rejected" || list[2].Status != "withdrawn" {
		t.Errorf("proposals %+v", list)
	}
	stranger := d.p.Login("owner")
	d.call(stranger, http.MethodGet, "/proposals", nil, http.StatusNotFound)
	d.call(stranger, http.MethodGet, "/proposals/"+third.ID.String(), nil, http.StatusNotFound)
	d.call(stranger, http.MethodPost, "/proposals/"+third.ID.String()+"/approve", map[string]any{}, http.StatusNotFound)
}

func TestProposals_WithResolutions_DecideRowByRow(t *testing.T) {
	t.Parallel()
	d := begin(t)
	d.upload("branch=fix&operation=upsert&key=id", "id,v\na,10\nb,20\n", http.StatusCreated)
	d.call(d.approver, http.MethodPut, "/protection", map[string]any{"protected": false}, http.StatusOK)
	d.upload("operation=upsert&key=id", "id,v\na,100\nb,200\n", http.StatusCreated)
	d.call(d.approver, http.MethodPut, "/protection", map[string]any{"protected": true}, http.StatusOK)

	body := func(key []string, ids ...string) map[string]any {
		var resolutions []map[string]any
		for _, id := range ids {
			resolutions = append(resolutions, map[string]any{"key": map[string]any{"id": id}, "take": "theirs"})
		}
		return map[string]any{"branch": "fix", "message": "corrects", "key": key, "prefer": "ours", "resolutions": resolutions}
	}
	without := body(nil, "a")
	delete(without, "prefer")
	delete(without, "key")
	d.call(d.maker, http.MethodPost, "/proposals", without, http.StatusUnprocessableEntity)
	d.call(d.maker, http.MethodPost, "/proposals", body([]string{"id"}, "a", "a"), http.StatusUnprocessableEntity)
	d.call(d.maker, http.MethodPost, "/proposals", body([]string{"v"}, "a"), http.StatusUnprocessableEntity)
	made := platformtest.Decode[proposals.Proposal](t, d.call(d.maker, http.MethodPost, "/proposals", body([]string{"id"}, "a"), http.StatusCreated))
	shown := platformtest.Decode[proposals.ShownProposal](t, d.call(d.approver, http.MethodGet, "/proposals/"+made.ID.String(), nil, http.StatusOK))
	if !made.Resolved || len(shown.Resolutions) != 1 || shown.Resolutions[0].Take != "theirs" || string(shown.Resolutions[0].Key["id"]) != `"a"` {
		t.Errorf("proposal %+v, shown as %+v", made, shown)
	}
	if n := datasetstest.Count(t, d.p, `SELECT count(*) FROM dataset_proposals WHERE encode(resolutions, 'escape') LIKE '%theirs%'`); n != 0 {
		t.Errorf("resolutions are stored in plain text")
	}
	d.call(d.approver, http.MethodPost, "/proposals/"+made.ID.String()+"/approve", map[string]any{}, http.StatusOK)
	d.profile()
	got := d.call(d.maker, http.MethodGet, "/diff?from=3&to=4&key=id", nil, http.StatusOK)
	if text := string(got.Body); !strings.Contains(text, `"a"`) || strings.Contains(text, `"b"`) || !strings.Contains(text, "10") {
		t.Errorf("changes of main %s", text)
	}
}
