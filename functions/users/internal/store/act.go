package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// ErrNoOrganization refuses to change an organization that is gone or being deleted.
var ErrNoOrganization = fault.New(fault.NotFound, "You are not acting in this organization: switch to it with POST /v1/users/sessions/organization")

// RequireSession is the caller, whose session it is about: there is none where they came
// with another issuer's token.
func RequireSession(ctx context.Context) (auth.Caller, error) {
	caller, err := auth.CallerFrom(ctx)
	if err == nil && caller.SessionID == uuid.Nil {
		err = errNoSession
	}
	return caller, err
}

var errNoSession = fault.New(fault.Forbidden, "This requires a session of this platform, but your token is from another issuer: log in here (POST /v1/users/login), or do it at the issuer")

// RequireFreshProof refuses a caller who has not proved lately who they are, or acts as somebody else,
// where that depends on what is asked for: else the operation declares it.
func RequireFreshProof(caller auth.Caller) error {
	switch d := policy.Decide(caller.Subject, policy.Need{Fresh: true}, time.Now()); {
	case d.StepUp:
		return fault.New(fault.StepUpRequired, "%s", d.Reason)
	case !d.Allowed:
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	return nil
}
