package compliance_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	eraseorganization "function/functions/compliance/erase-organization"
	"function/functions/compliance/internal/retention"
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	republishpolicies "function/functions/compliance/republish-policies"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	"function/shared/database"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	policies  = "/v1/compliance/retention/policies"
	disposals = "/v1/compliance/retention/disposals"
	sweep     = "compliance-retention-sweep"
	record    = "compliance-record-disposal"
	erase     = "compliance-erase-organization"
)

func mount(t *testing.T) *platformtest.Platform {
	return platformtest.New(t,
		listpolicies.Service,
		setpolicy.Service,
		resetpolicy.Service,
		listdisposals.Service,
		retentionsweep.Service,
		recorddisposal.Service,
		republishpolicies.Service,
		eraseorganization.Service,
	)
}

func inForce(t *testing.T, p *platformtest.Platform, token string) []retention.Policy {
	t.Helper()
	return platformtest.Decode[page.Page[retention.Policy]](t, p.Do(token, http.MethodGet, policies, nil).Want(t, http.StatusOK)).Items
}

func TestPolicies_UntilAnOwnerSetsThem_AreTheDefaults(t *testing.T) {
	t.Parallel()
	p := mount(t)
	owner, stranger := p.Login("owner"), p.Login("owner")
	defaults := []retention.Policy{{Resource: "datasets", KeepDays: 30, Origin: "default"}, {Resource: "sessions", KeepDays: 30, Origin: "default"}}
	if diff := cmp.Diff(defaults, inForce(t, p, owner.Token)); diff != "" {
		t.Fatal(diff)
	}

	for _, days := range []int{7, 0, 36500} {
		want := retention.Policy{Resource: "sessions", KeepDays: days, Origin: "own"}
		set := platformtest.Decode[retention.Policy](t,
			p.Do(owner.Token, http.MethodPut, policies+"/sessions", fmt.Sprintf(`{"keep_days": %d}`, days)).Want(t, http.StatusOK))
		if set != want {
			t.Errorf("set %+v, want %+v", set, want)
		}
		if diff := cmp.Diff([]retention.Policy{defaults[0], want}, inForce(t, p, owner.Token)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(defaults, inForce(t, p, stranger.Token)); diff != "" {
		t.Errorf("another organization's policies: %s", diff)
	}

	for range 2 {
		p.Do(owner.Token, http.MethodDelete, policies+"/sessions", nil).Want(t, http.StatusNoContent)
		if diff := cmp.Diff(defaults, inForce(t, p, owner.Token)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPolicies_BadInput_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	owner := p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	for name, test := range map[string]struct {
		token, method, path, body string
		status                    int
	}{
		"nobody":           {"", http.MethodPut, policies + "/sessions", `{"keep_days": 1}`, http.StatusUnauthorized},
		"member":           {member.Token, http.MethodPut, policies + "/sessions", `{"keep_days": 1}`, http.StatusForbidden},
		"member resets":    {member.Token, http.MethodDelete, policies + "/sessions", ``, http.StatusForbidden},
		"unknown resource": {owner.Token, http.MethodPut, policies + "/users", `{"keep_days": 1}`, http.StatusUnprocessableEntity},
		"unknown reset":    {owner.Token, http.MethodDelete, policies + "/users", ``, http.StatusUnprocessableEntity},
		"negative":         {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": -1}`, http.StatusUnprocessableEntity},
		"centuries":        {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": 36501}`, http.StatusUnprocessableEntity},
		"fraction":         {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": 1.5}`, http.StatusUnprocessableEntity},
		"overflow":         {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": 1e300}`, http.StatusUnprocessableEntity},
		"text":             {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": "7"}`, http.StatusUnprocessableEntity},
		"missing":          {owner.Token, http.MethodPut, policies + "/sessions", `{}`, http.StatusUnprocessableEntity},
		"unknown field":    {owner.Token, http.MethodPut, policies + "/sessions", `{"keep_days": 1, "keep": 2}`, http.StatusUnprocessableEntity},
		"not JSON":         {owner.Token, http.MethodPut, policies + "/sessions", `{`, http.StatusBadRequest},
		"bad cursor":       {owner.Token, http.MethodGet, disposals + "?cursor=x", ``, http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) { p.Do(test.token, test.method, test.path, test.body).Want(t, test.status) })
	}
	p.Do(member.Token, http.MethodGet, policies, nil).Want(t, http.StatusOK)
}

func TestSweep_NamesOnlyItself(t *testing.T) {
	t.Parallel()
	p := mount(t)
	owner := p.Login("owner")
	p.Do(owner.Token, http.MethodPut, policies+"/sessions", `{"keep_days": 7}`).Want(t, http.StatusOK)

	p.Wake(sweep).Want(t, http.StatusNoContent)

	requests := platformtest.Published[events.DisposalRequested](p, 2)
	versions := map[string]int64{}
	for _, e := range requests {
		versions[e.Data.Resource] = e.Data.Policies
		if e.Data.SweepID != requests[0].Data.SweepID || e.Data.At.IsZero() {
			t.Errorf("request %+v, want one of the same sweep, with its time", e.Data)
		}
	}
	if len(requests) != 2 || versions["datasets"] != 1 || versions["sessions"] < 2 {
		t.Errorf("%d requests by policies of versions %v, want one for each resource, by the latest", len(requests), versions)
	}
}

// swept returns the sweep's request for sessions.
func swept(t *testing.T, p *platformtest.Platform) events.DisposalRequested {
	t.Helper()
	p.Wake(sweep).Want(t, http.StatusNoContent)
	for _, e := range platformtest.Published[events.DisposalRequested](p, 2) {
		if e.Data.Resource == "sessions" {
			return e.Data
		}
	}
	t.Fatal("the sweep requests no sessions")
	return events.DisposalRequested{}
}

// disposed returns a domain's response to a request.
func disposed(r events.DisposalRequested, counts ...events.DisposedCount) events.Disposed {
	return events.Disposed{SweepID: r.SweepID, Resource: r.Resource, Organizations: counts, DisposedAt: time.Now().UTC().Truncate(time.Microsecond)}
}

func TestRecordDisposal_DeliveredTwice_OneRecordForEachOrganization(t *testing.T) {
	t.Parallel()
	p := mount(t)
	first, second, third := p.Login("owner"), p.Login("member"), p.Login("owner")
	request := swept(t, p)
	cutoff := request.At.AddDate(0, 0, -30)
	over := cutoff.Add(-time.Hour)
	answer := disposed(request,
		events.DisposedCount{KeepDays: 30, Cutoff: cutoff, OrganizationID: first.OrganizationID, Items: 3, Bytes: 42, Oldest: over.Add(-time.Hour), Newest: over},
		events.DisposedCount{OrganizationID: second.OrganizationID, Items: 1, Oldest: over, Newest: over},
		events.DisposedCount{OrganizationID: third.OrganizationID})
	event := platformtest.Event(answer)

	for range 3 {
		platformtest.Deliver(p, record, event).Want(t, http.StatusNoContent)
	}

	list := func(token string) []listdisposals.Disposal {
		return platformtest.Decode[page.Page[listdisposals.Disposal]](t, p.Do(token, http.MethodGet, disposals, nil).Want(t, http.StatusOK)).Items
	}
	got := list(first.Token)
	if len(got) != 1 {
		t.Fatalf("%d disposals, want 1", len(got))
	}
	want := listdisposals.Disposal{
		ID: got[0].ID, SweepID: request.SweepID, Resource: "sessions", KeepDays: 30, Cutoff: cutoff,
		Items: 3, Bytes: 42, Oldest: over.Add(-time.Hour), Newest: over, DisposedAt: answer.DisposedAt,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	if n := len(list(second.Token)); n != 1 {
		t.Errorf("%d disposals of the second organization, want 1", n)
	}
	if n := len(list(third.Token)); n != 0 {
		t.Errorf("%d disposals of an organization that lost nothing, want 0", n)
	}
	p.Do("", http.MethodGet, disposals, nil).Want(t, http.StatusUnauthorized)
}

func TestRecordDisposal_UnknownSweep_IsRefusedPermanently(t *testing.T) {
	t.Parallel()
	p := mount(t)
	forged := events.DisposalRequested{SweepID: uuid.New(), Resource: "sessions"}
	count := events.DisposedCount{OrganizationID: uuid.New(), Items: 1}
	platformtest.Deliver(p, record, platformtest.Event(disposed(forged, count))).Want(t, http.StatusUnprocessableEntity)

	var kept int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM compliance.retention_disposals`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d disposals recorded (%v), want none", kept, err)
	}
}

func TestListDisposals_SeveralPages_ReturnsAll(t *testing.T) {
	t.Parallel()
	p := mount(t)
	caller := p.Login("owner")
	request := swept(t, p)
	for range 5 {
		count := events.DisposedCount{OrganizationID: caller.OrganizationID, Items: 1}
		platformtest.Deliver(p, record, platformtest.Event(disposed(request, count))).Want(t, http.StatusNoContent)
	}
	seen := map[uuid.UUID]bool{}
	for cursor, pages := "", 0; ; pages++ {
		got := platformtest.Decode[page.Page[listdisposals.Disposal]](t, p.Do(caller.Token, http.MethodGet, disposals+"?limit=2&cursor="+cursor, nil).Want(t, http.StatusOK))
		for _, d := range got.Items {
			seen[d.ID] = true
		}
		if cursor = got.NextCursor; cursor == "" {
			if pages != 2 || len(seen) != 5 {
				t.Errorf("%d pages with %d disposals, want 3 with 5", pages+1, len(seen))
			}
			return
		}
	}
}

// A policy must outlive its organization by its own retention period.
func TestPolicy_OrganizationDeleted_Expires(t *testing.T) {
	t.Parallel()
	p := mount(t)
	leaving, staying := p.Login("owner"), p.Login("owner")
	for _, owner := range []platformtest.Caller{leaving, staying} {
		p.Do(owner.Token, http.MethodPut, policies+"/datasets", `{"keep_days": 90}`).Want(t, http.StatusOK)
	}
	gone := platformtest.Event(events.OrganizationDeleted{OrganizationID: leaving.OrganizationID, DeletedAt: time.Now()})
	for range 2 {
		platformtest.Deliver(p, erase, gone).Want(t, http.StatusNoContent)
	}
	p.Do(leaving.Token, http.MethodPut, policies+"/sessions", `{"keep_days": 1}`).Want(t, http.StatusForbidden) // still active

	db := p.DB(database.Users)
	kept := func() (policies []uuid.UUID) {
		t.Helper()
		p.Wake(sweep).Want(t, http.StatusNoContent)
		err := db.QueryRow(t.Context(), `SELECT array_agg(organization_id ORDER BY organization_id = $1) FROM compliance.retention_policies WHERE changed_by IS NOT NULL`,
			leaving.OrganizationID).Scan(&policies)
		if err != nil {
			t.Fatal(err)
		}
		return policies
	}
	if diff := cmp.Diff([]uuid.UUID{staying.OrganizationID, leaving.OrganizationID}, kept()); diff != "" {
		t.Errorf("policies the night after: %s", diff)
	}
	var days int
	if err := db.QueryRow(t.Context(), `SELECT round(extract(epoch FROM max(ends_at) - now()) / 86400) FROM compliance.retention_policies`).Scan(&days); err != nil || days != 120 {
		t.Errorf("the policy ends in %d days (%v), want 120", days, err)
	}
	if _, err := db.Exec(t.Context(), `UPDATE compliance.retention_policies SET ends_at = ends_at - interval '121 days'`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uuid.UUID{staying.OrganizationID}, kept()); diff != "" {
		t.Errorf("policies after the end: %s", diff)
	}
	platformtest.Deliver(p, erase, platformtest.Event(events.OrganizationDeleted{})).Want(t, http.StatusUnprocessableEntity)
	if n := len(inForce(t, p, staying.Token)); n != 2 {
		t.Errorf("%d policies in force, want 2", n)
	}
}
