// Package serviceaccounts manages an organization's service accounts, which are programs with
// roles of their own, and their API keys: everything under
// /v1/organizations/{id}/service-accounts.
package serviceaccounts

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-service-accounts", New,
	function.On(function.Post("users-create-service-account", path, "Create a service account", policy.ServiceAccountsWrite).
		Status(http.StatusCreated).Fails(fault.Conflict), (*Function).Create),
	function.On(function.Get("users-list-service-accounts", path, "Service accounts", policy.ServiceAccountsRead), (*Function).List),
	function.On(function.Get("users-get-service-account", path+"/{account_id}", "Read a service account", policy.ServiceAccountsRead), (*Function).Get),
	function.On(function.Patch("users-change-service-account", path+"/{account_id}", "Rename, disable or enable a service account", policy.ServiceAccountsWrite).
		Fails(fault.Conflict), (*Function).Change),
	function.On(function.Delete("users-delete-service-account", path+"/{account_id}", "Delete a service account with its keys and grants", policy.ServiceAccountsWrite), (*Function).Delete),
	function.On(function.Post("users-create-service-account-key", keysPath, "Create a key for a service account", policy.ServiceAccountsWrite.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict), (*Function).CreateKey),
	function.On(function.Get("users-list-service-account-keys", keysPath, "List a service account's keys", policy.ServiceAccountsRead), (*Function).ListKeys),
	function.On(function.Delete("users-revoke-service-account-key", keysPath+"/{key_id}", "Revoke a service account's key", policy.ServiceAccountsWrite), (*Function).RevokeKey),
	function.On(function.Post("users-rotate-service-account-key", keysPath+"/{key_id}/rotate", "Rotate the secret of a service account's key", policy.ServiceAccountsWrite.WithFreshProof()).
		Status(http.StatusCreated), (*Function).RotateKey),
).
	Uses(function.Owns(database.Users))

const path = "/v1/organizations/{id}/service-accounts"

// Account is a service account. Roles are granted to it in the same way as to people.
type Account struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	CreatedBy  uuid.UUID  `json:"created_by" format:"uuid"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty" doc:"When it was disabled; its keys are refused since then"`
}

// CreateRequest describes the new account.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name person.DisplayName `json:"name" minLength:"1" maxLength:"100"`
	}
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// Request identifies an account.
type Request struct {
	ID        uuid.UUID `path:"id" format:"uuid"`
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
}

// ChangeRequest contains the changes.
type ChangeRequest struct {
	Request
	Body struct {
		Name     *person.DisplayName `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Disabled *bool               `json:"disabled,omitempty" doc:"true: all its keys are refused within a second. false: enables them again, which requires every permission that they have and step-up authentication"`
	}
}

// AccountResponse is one account.
type AccountResponse struct{ Body Account }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Account] }

// Function manages service accounts.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
