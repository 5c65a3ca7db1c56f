package administer

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

// act is an operation of a platform admin on an account.
func act(id, verb, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodPost, Path: "/v1/admin/users/{id}/" + verb,
		Summary: summary, Description: description, Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.PlatformUsers),
		DefaultStatus: http.StatusNoContent,
		Errors:        []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
}

// The HTTP operations.
var (
	SuspendOperation = act("users-suspend-user", "suspend", "Suspend an account",
		"Ends its sessions, and lets nobody in until it is restored. Its API keys rest too.")
	RestoreOperation = act("users-restore-user", "restore", "Restore a suspended account", "")
	ResetOperation   = act("users-force-password-reset", "force-password-reset", "Demand a new password",
		"Ends the person's sessions and mails them. After the next login they can only choose a new password.")
	UnlockOperation = act("users-unlock-user", "unlock", "Let a person log in whose account waits after failed logins", "")
	GrantOperation  = act("users-grant-platform-admin", "grant-platform-admin", "Make a person a platform admin",
		"The person is mailed. Whoever runs the platform makes the first one.")
	RevokeOperation = act("users-revoke-platform-admin", "revoke-platform-admin", "Make a platform admin one no more",
		"The person is mailed. What they were doing as somebody else ends. The platform is never left without an admin who can log in, and nobody does it to themselves.")
)

// Request names a person, and says why.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body users.Reason
}
