// Package retentiontest sends retention policies and sweeps to functions in tests.
package retentiontest

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/platformtest"
)

// Learn delivers the complete policies of a resource to a function: days by organization, with the
// default under uuid.Nil.
func Learn(t *testing.T, p *platformtest.Platform, function, resource string, days map[uuid.UUID]int) {
	t.Helper()
	e := events.PoliciesChanged{Resource: resource, Through: 1}
	for organization, keep := range days {
		e.Policies = append(e.Policies, events.RetentionPolicy{OrganizationID: organization, KeepDays: &keep, Version: 1})
	}
	platformtest.Deliver(p, function, platformtest.Event(e)).Want(t, http.StatusNoContent)
}

// Request returns a sweep of a resource at a time, under the policies of [Learn].
func Request(resource string, at time.Time) events.Received[events.DisposalRequested] {
	return platformtest.Event(events.DisposalRequested{SweepID: uuid.New(), Resource: resource, At: at, Policies: 1})
}
