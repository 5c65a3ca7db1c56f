// Package apikeys creates, lists, revokes and rotates the API keys with which a person's
// programs act as them: POST and GET /v1/api-keys, DELETE /v1/api-keys/{id} and POST
// /v1/api-keys/{id}/rotate.
package apikeys

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-api-keys", New,
	function.On(function.Post("users-create-api-key", "/v1/api-keys", "Create an API key", policy.Person.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("The key acts as you in your current organization, limited to its scopes and to what your roles allow. You are notified by mail."), (*Function).Create),
	function.On(function.Get("users-list-api-keys", "/v1/api-keys", "List your API keys", policy.Person), (*Function).List),
	function.On(function.Delete("users-revoke-api-key", "/v1/api-keys/{id}", "Revoke an API key", policy.Person.WithoutImpersonation()).
		Describe("It stops working everywhere within a second."), (*Function).Revoke),
	function.On(function.Post("users-rotate-api-key", "/v1/api-keys/{id}/rotate", "Rotate an API key's secret", policy.Person.WithFreshProof()).
		Status(http.StatusCreated).
		Describe("The current secret stays valid for the overlap, so that programs can switch to the new one without interruption."), (*Function).Rotate),
).
	Uses(function.Owns(database.Users), function.Keys)

// CreateRequest describes the new key.
type CreateRequest struct{ Body credential.KeyRequest }

// ListRequest selects one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[credential.APIKey] }

// Request identifies a key.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// RotateRequest identifies a key and says how long the current secret stays valid.
type RotateRequest struct {
	Request
	Body credential.RotateRequest
}

// ShownResponse is a key with its secret.
type ShownResponse struct{ Body credential.ShownKey }

// Function manages API keys.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

func owner(caller auth.Caller) credential.KeyOwner { return credential.KeyOwner{ID: caller.UserID} }

// Create creates a key for the caller.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (out *ShownResponse, err error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out = &ShownResponse{}
	return out, credential.IssueKey(ctx, f.store, "api_keys:create", owner(caller), func(tx *outbox.Tx) (err error) {
		if out.Body, err = credential.CreateKey(ctx, f.store, tx, caller, owner(caller), in.Body); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, caller.UserID, f.mailer.APIKeyCreated)
	})
}

// Rotate gives one of the caller's keys a new secret.
func (f *Function) Rotate(ctx context.Context, in *RotateRequest) (out *ShownResponse, err error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	out = &ShownResponse{}
	return out, credential.IssueKey(ctx, f.store, "api_keys:rotate", owner(caller), func(tx *outbox.Tx) (err error) {
		if out.Body, err = credential.RotateKey(ctx, f.store, tx, caller, owner(caller), in.ID, in.Body); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, caller.UserID, f.mailer.APIKeyRotated)
	})
}

// List lists the caller's keys in all organizations.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := credential.Keys(ctx, f.store, owner(caller), in.Query)
	return &ListResponse{keys}, err
}

// Revoke revokes one of the caller's keys.
func (f *Function) Revoke(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nil, credential.RevokeKey(ctx, f.store, owner(caller), in.ID)
}
