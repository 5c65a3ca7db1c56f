package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// ErrNoOrganization refuses a change in an organization that is gone or being deleted.
var ErrNoOrganization = fault.New(fault.NotFound, "You are not acting in this organization: switch to it with POST /v1/users/sessions/organization")

// RequireSession returns the caller with their session. It refuses callers with another
// issuer's token, who have none.
func RequireSession(ctx context.Context) (auth.Caller, error) {
	caller, err := auth.CallerFrom(ctx)
	if err == nil && caller.SessionID == uuid.Nil {
		err = errNoSession
	}
	return caller, err
}

var errNoSession = fault.New(fault.Forbidden, "This requires a session of this platform, but your token is from another issuer: log in here (POST /v1/users/login), or do it at the issuer")

// RequireFreshProof refuses a caller without recent step-up authentication or who acts as
// somebody else. It is for operations where that depends on the request; otherwise the
// operation declares it.
func RequireFreshProof(caller auth.Caller) error {
	switch d := policy.Decide(caller.Subject, policy.Need{Fresh: true}, time.Now()); {
	case d.StepUp:
		return fault.New(fault.StepUpRequired, "%s", d.Reason)
	case !d.Allowed:
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	return nil
}
