// Package serviceaccounts keeps an organization's service accounts, which are programs
// with roles of their own, and their API keys: everything under
// /v1/organizations/{id}/service-accounts.
package serviceaccounts

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(CreateOperation, (*Function).Create),
	function.On(ListOperation, (*Function).List),
	function.On(GetOperation, (*Function).Get),
	function.On(ChangeOperation, (*Function).Change),
	function.On(DeleteOperation, (*Function).Delete),
	function.On(CreateKeyOperation, (*Function).CreateKey),
	function.On(ListKeysOperation, (*Function).ListKeys),
	function.On(RevokeKeyOperation, (*Function).RevokeKey),
	function.On(RotateKeyOperation, (*Function).RotateKey),
}

const path = "/v1/organizations/{id}/service-accounts"

var statuses = map[string]int{http.MethodPost: http.StatusCreated, http.MethodDelete: http.StatusNoContent}

var (
	reads  = function.Needs(policy.ServiceAccountsRead)
	writes = function.Needs(policy.ServiceAccountsWrite)
	gives  = function.NeedsFresh(policy.ServiceAccountsWrite) // what lasts
)

func operation(verb, method, path, summary string, need function.Security, errors ...int) huma.Operation {
	return huma.Operation{
		OperationID: "users-" + verb, Method: method, Path: path, Summary: summary, Tags: []string{users.Tag}, Security: need,
		DefaultStatus: statuses[method], Errors: append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, errors...),
	}
}

// The HTTP operations on the accounts.
var (
	CreateOperation = operation("create-service-account", http.MethodPost, path, "Make a service account", writes, http.StatusConflict)
	ListOperation   = operation("list-service-accounts", http.MethodGet, path, "Service accounts", reads)
	GetOperation    = operation("get-service-account", http.MethodGet, path+"/{account_id}", "A service account", reads)
	ChangeOperation = operation("change-service-account", http.MethodPatch, path+"/{account_id}", "Rename, disable or enable a service account", function.Themselves(writes), http.StatusConflict)
	DeleteOperation = operation("delete-service-account", http.MethodDelete, path+"/{account_id}", "Delete a service account with its keys and grants", writes)
)

// Account is a service account. Its roles are granted as people's are.
type Account struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	CreatedBy  uuid.UUID  `json:"created_by" format:"uuid"`
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at,omitempty" doc:"Since when its keys are refused"`
}

// CreateRequest is the account.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name users.DisplayName `json:"name" minLength:"1" maxLength:"100"`
	}
}

// ListRequest asks for one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// Request names an account.
type Request struct {
	ID        uuid.UUID `path:"id" format:"uuid"`
	AccountID uuid.UUID `path:"account_id" format:"uuid"`
}

// ChangeRequest is what is to be different.
type ChangeRequest struct {
	Request
	Body struct {
		Name     *users.DisplayName `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Disabled *bool              `json:"disabled,omitempty" doc:"All its keys are refused, within a second"`
	}
}

// AccountResponse is one account.
type AccountResponse struct{ Body Account }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Account] }

// Function keeps service accounts.
type Function struct{ users.Store }

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}
