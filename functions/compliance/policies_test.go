package compliance_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"

	republishpolicies "function/functions/compliance/republish-policies"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	"function/functions/datasets/dispose"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/platformtest"
)

const (
	disposer  = "datasets-dispose"
	republish = "compliance-republish-policies"
)

func exec(t *testing.T, p *platformtest.Platform, in database.Name, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(in).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// relay sends the events that were not sent when they were published.
func relay(t *testing.T, p *platformtest.Platform, from database.Name) {
	t.Helper()
	p.Env.Sender().Wait()
	if err := outbox.RetryNow(t.Context(), p.DB(from)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Env.Sender().Relay(t.Context(), p.DB(from)); err != nil {
		t.Fatal(err)
	}
}

// Of 20,000 organizations, one third each keeps data sets for 5, 30 and 100 days. None of the
// policies was ever published, as in an installation from before their publication.
func TestSweep_TwentyThousandOwnPolicies(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, retentionsweep.Service, republishpolicies.Service, dispose.Service)
	exec(t, p, database.Users, `
INSERT INTO compliance.retention_policies (id, organization_id, resource, keep_days)
SELECT gen_random_uuid(), lpad(to_hex(n), 32, '0')::uuid, 'datasets', (ARRAY[5, 30, 100])[1 + n % 3] FROM generate_series(1, 20000) n`)
	// Each organization has one data set deleted 10 days ago and one deleted 50 days ago. So do
	// organizations with the default policy.
	exec(t, p, database.Datasets, `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by, deleted_at)
SELECT gen_random_uuid(), lpad(to_hex(n), 32, '0')::uuid, 'd' || days, '', 'local', 'draft', gen_random_uuid(), now() - days * interval '1 day'
FROM generate_series(1, 20300) n, unnest(ARRAY[10, 50]) days`)

	p.Wake("compliance-retention-sweep").Want(t, http.StatusNoContent)
	var request events.Received[events.DisposalRequested]
	for _, e := range platformtest.Published[events.DisposalRequested](p, 2) {
		if e.Data.Resource == "datasets" {
			request = e
		}
	}
	platformtest.Deliver(p, disposer, request).Want(t, http.StatusServiceUnavailable)
	var left int
	count := func(where string) int {
		t.Helper()
		if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT count(*) FROM datasets WHERE `+where).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left
	}
	if n := count(`true`); n != 40600 {
		t.Fatalf("%d data sets before the policies are known, want all 40600", n)
	}

	missing := platformtest.Published[events.PoliciesMissing](p, 1)[0]
	for range 2 { // delivered twice
		platformtest.Deliver(p, republish, missing).Want(t, http.StatusNoContent)
	}
	relay(t, p, database.Users)
	pages := platformtest.Published[events.PoliciesChanged](p, 21)
	if len(pages) != 21 {
		t.Errorf("%d events with policies, want 21: 1000 in each", len(pages))
	}
	for i := range pages { // in reverse order
		page := pages[len(pages)-1-i]
		if body, err := json.Marshal(page.Data); err != nil || len(body) > events.MaxSize/2 {
			t.Errorf("an event of %d bytes (%v)", len(body), err)
		}
		if i == len(pages)-1 { // one is still missing
			platformtest.Deliver(p, disposer, request).Want(t, http.StatusServiceUnavailable)
		}
		platformtest.Deliver(p, disposer, page).Want(t, http.StatusNoContent)
	}
	for range 2 {
		platformtest.Deliver(p, disposer, request).Want(t, http.StatusNoContent)
	}

	for what, want := range map[string]int{
		`name = 'd10'`: 20300 - 6666, // minus those of organizations that keep 5 days
		`name = 'd50'`: 6667,         // those of organizations that keep 100 days
		`name = 'd50' AND organization_id > lpad(to_hex(20000), 32, '0')::uuid`: 0,
	} {
		if n := count(what); n != want {
			t.Errorf("%d data sets with %s, want %d", n, what, want)
		}
	}
	relay(t, p, database.Datasets)
	var items int64
	for _, e := range platformtest.Published[events.Disposed](p, 1) {
		for _, c := range e.Data.Organizations {
			items += c.Items
		}
	}
	if want := int64(40600 - count(`true`)); items != want {
		t.Errorf("%d data sets on record, want %d", items, want)
	}
}

// Every change, whoever makes it, eventually reaches the domain in its final state.
func TestPolicyChanges_ArePublishedInTheirTransaction(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, setpolicy.Service, resetpolicy.Service, republishpolicies.Service, retentionsweep.Service)
	owner := p.Login("owner")
	put := func(days string) {
		p.Do(owner.Token, http.MethodPut, policies+"/datasets", `{"keep_days": `+days+`}`).Want(t, http.StatusOK)
	}
	put("7")
	put("7") // changes nothing
	put("9")
	p.Do(owner.Token, http.MethodDelete, policies+"/datasets", nil).Want(t, http.StatusNoContent)
	p.Do(owner.Token, http.MethodDelete, policies+"/datasets", nil).Want(t, http.StatusNoContent)
	exec(t, p, database.Users, `UPDATE compliance.retention_policies SET keep_days = 60 WHERE resource = 'datasets' AND organization_id = $1`, uuid.Nil) // by an operator
	put("11")

	var covered []events.PoliciesChanged
	last := map[int64]events.RetentionPolicy{}
	newest := events.RetentionPolicy{}
	for _, e := range platformtest.Published[events.PoliciesChanged](p, 5) {
		covered = append(covered, e.Data)
		for _, policy := range e.Data.Policies {
			last[policy.Version] = policy
			if policy.Version > newest.Version {
				newest = policy
			}
		}
	}
	if newest.OrganizationID != owner.OrganizationID || newest.KeepDays == nil || *newest.KeepDays != 11 {
		t.Errorf("the newest policy is %+v, want 11 days", newest)
	}
	given := 0
	for _, policy := range last {
		if policy.KeepDays == nil {
			given++
		}
	}
	if given != 1 {
		t.Errorf("%d changes that gave the policy up, want 1: %+v", given, covered)
	}
	for _, c := range covered {
		if c.After >= c.Through {
			t.Errorf("the event covers nothing: %+v", c)
		}
	}
}

func TestRepublish_UnknownResource(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, republishpolicies.Service)
	platformtest.Deliver(p, republish, platformtest.Event(events.PoliciesMissing{Resource: "unicorns"})).Want(t, http.StatusUnprocessableEntity)
}
