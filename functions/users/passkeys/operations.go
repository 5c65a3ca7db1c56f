package passkeys

import (
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/person"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-passkeys", New,
	function.On(function.Post("users-begin-passkey-registration", "/v1/users/passkeys/register/begin", "Begin creating a passkey", policy.Person.WithFreshProof()), (*Function).Begin),
	function.On(function.Post("users-finish-passkey-registration", "/v1/users/passkeys/register/finish", "Register the passkey that your device created", policy.Person.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict), (*Function).Finish),
	function.On(function.Get("users-list-passkeys", "/v1/users/passkeys", "Your passkeys", policy.Person), (*Function).List),
	function.On(function.Patch("users-rename-passkey", "/v1/users/passkeys/{id}", "Rename a passkey", policy.Person.WithoutImpersonation()), (*Function).Rename),
	function.On(function.Delete("users-delete-passkey", "/v1/users/passkeys/{id}", "Delete a passkey", policy.Person.WithFreshProof()).
		Fails(fault.Conflict), (*Function).Delete),
).
	Uses(function.Owns(database.Users), function.Keys)

// Named is a passkey's name in a request.
type Named struct {
	Name person.DisplayName `json:"name" minLength:"1" maxLength:"100"`
}

// BeginResponse contains the options for the browser.
type BeginResponse struct{ Body credential.Ceremony }

// FinishRequest contains the credential that the browser created.
type FinishRequest struct {
	Body struct {
		Named
		credential.Assertion
	}
}

// FinishResponse is the new passkey.
type FinishResponse struct {
	Body struct {
		credential.PasskeyInfo
		RecoveryCodes []string `json:"recovery_codes,omitempty" doc:"Shown only once, when the first second factor is added. Each code completes one login in place of the second factor"`
	}
}

// ListRequest selects one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct {
	Body page.Page[credential.PasskeyInfo]
}

// Request identifies a passkey.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// RenameRequest contains the new name.
type RenameRequest struct {
	Request
	Body Named
}

// RenameResponse is the passkey.
type RenameResponse struct{ Body credential.PasskeyInfo }
