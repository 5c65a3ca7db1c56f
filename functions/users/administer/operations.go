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
		"Ends its sessions, and lets nobody in until it is restored. Its API keys rest too. The person is mailed.")
	RestoreOperation = act("users-restore-user", "restore", "Restore a suspended account", "The person is mailed.")
	ResetOperation   = act("users-force-password-reset", "force-password-reset", "Demand a new password",
		"Ends the person's sessions, and those in which they act as others. Where mail is configured, their password is void, and they are mailed how to choose another one, "+
			"which is not the same; else it logs them in to change it. Until then they can do nothing else, and their API keys rest.")
	ResetFactorsOperation = act("users-reset-second-factors", "reset-second-factors", "Remove a person's second factors",
		"Authenticator app, passkeys and recovery codes: for a person who has lost them, or whose account somebody else has added one to. Ends the person's sessions and mails them. "+
			"Make sure that it is the person who asks: from then on the password is enough to log in. If somebody else may know that, demand a new one, too.")
	UnlockOperation = act("users-unlock-user", "unlock", "Let a person log in whose account waits after failed logins or wrong codes", "")
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
