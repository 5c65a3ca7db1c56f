package runtime

import (
	"time"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// permit refuses a caller who does not meet the need.
func permit(caller auth.Caller, need policy.Need) error {
	if need.ServiceAccount && caller.Kind != auth.ServiceAccount {
		return fault.New(fault.Forbidden, "This is for programs only: use an API key of a service account (POST /v1/organizations/{id}/service-accounts)")
	}
	if need.Permission == "" && caller.Kind != auth.Person {
		return fault.New(fault.Forbidden, "This is not possible with an API key: log in as a person")
	}
	d := policy.Decide(caller.Subject, need, time.Now())
	switch {
	case d.StepUp:
		return fault.New(fault.StepUpRequired, "%s", d.Reason)
	case !d.Allowed:
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	return nil
}
