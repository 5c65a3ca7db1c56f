package administer

import (
	"github.com/google/uuid"

	"function/functions/users/internal/lifecycle"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// adminOperation declares an operation of a platform admin on an account.
func adminOperation(id, verb, summary, description string) function.Operation {
	return function.Post(id, "/v1/admin/users/{id}/"+verb, summary, policy.PlatformUsers.WithFreshProof()).
		Describe(description).Fails(fault.Conflict)
}

// Request identifies a person and gives the reason.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body lifecycle.Reason
}
