package serviceaccounts

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/shared/auth"
	"function/shared/outbox"
	"function/shared/page"
)

const keysPath = path + "/{account_id}/keys"

// CreateKeyRequest describes the new key.
type CreateKeyRequest struct {
	Request
	Body credential.KeyRequest
}

// ListKeysRequest selects one page.
type ListKeysRequest struct {
	Request
	page.Query
}

// KeyRequest identifies a key.
type KeyRequest struct {
	Request
	KeyID uuid.UUID `path:"key_id" format:"uuid"`
}

// RotateKeyRequest identifies a key and says how long the current secret stays valid.
type RotateKeyRequest struct {
	KeyRequest
	Body credential.RotateRequest
}

// ListKeysResponse is one page.
type ListKeysResponse struct{ Body page.Page[credential.APIKey] }

// ShownKeyResponse is a key with its secret.
type ShownKeyResponse struct{ Body credential.ShownKey }

// owner returns the account, which must belong to the caller's organization.
func (f *Function) owner(ctx context.Context, in Request) (caller auth.Caller, owner credential.KeyOwner, err error) {
	if caller, err = auth.Member(ctx); err == nil {
		_, err = f.Get(ctx, &in)
	}
	return caller, credential.KeyOwner{ID: in.AccountID, ServiceAccount: true}, err
}

// CreateKey creates a key whose scopes cannot exceed the caller's permissions.
func (f *Function) CreateKey(ctx context.Context, in *CreateKeyRequest) (*ShownKeyResponse, error) {
	caller, owner, err := f.owner(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	var out ShownKeyResponse
	return &out, credential.IssueKey(ctx, f.store, "api_keys:create", owner, func(tx *outbox.Tx) (err error) {
		out.Body, err = credential.CreateKey(ctx, f.store, tx, caller, owner, in.Body)
		return err
	})
}

// RotateKey gives a key a new secret.
func (f *Function) RotateKey(ctx context.Context, in *RotateKeyRequest) (*ShownKeyResponse, error) {
	caller, owner, err := f.owner(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	var out ShownKeyResponse
	return &out, credential.IssueKey(ctx, f.store, "api_keys:rotate", owner, func(tx *outbox.Tx) (err error) {
		out.Body, err = credential.RotateKey(ctx, f.store, tx, caller, owner, in.KeyID, in.Body)
		return err
	})
}

// ListKeys lists an account's keys.
func (f *Function) ListKeys(ctx context.Context, in *ListKeysRequest) (*ListKeysResponse, error) {
	_, owner, err := f.owner(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	keys, err := credential.Keys(ctx, f.store, owner, in.Query)
	return &ListKeysResponse{keys}, err
}

// RevokeKey revokes a key.
func (f *Function) RevokeKey(ctx context.Context, in *KeyRequest) (*struct{}, error) {
	_, owner, err := f.owner(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	return nil, credential.RevokeKey(ctx, f.store, owner, in.KeyID)
}
