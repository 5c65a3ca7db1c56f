package serviceaccounts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/credential"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/uuid7"
)

const (
	insertAccount = `
INSERT INTO service_accounts (id, organization_id, name, created_by) VALUES ($1, $2, $3, $4)
RETURNING id, name, created_by, created_at, disabled_at`
	selectAccounts = `
SELECT id, name, created_by, created_at, disabled_at FROM service_accounts
WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`
	selectAccount = `
SELECT id, name, created_by, created_at, disabled_at FROM service_accounts WHERE organization_id = $1 AND id = $2`
	updateAccount = `
UPDATE service_accounts SET name = coalesce(@name, name),
       disabled_at = CASE WHEN @disabled THEN coalesce(disabled_at, now()) WHEN NOT @disabled THEN NULL ELSE disabled_at END
WHERE organization_id = @organization AND id = @id
RETURNING id, name, created_by, created_at, disabled_at`
	deleteAccount = `DELETE FROM service_accounts WHERE organization_id = $1 AND id = $2`
)

// Create creates an account. It has no roles yet.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*AccountResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	return f.write(ctx, audit.Entry{Action: "service_accounts:create", ResourceID: id.String()}, func(tx *outbox.Tx) (Account, error) {
		return database.One[Account](ctx, tx, pgx.ErrNoRows, insertAccount, id, caller.OrganizationID, in.Body.Name, caller.UserID)
	})
}

// Change renames, disables or enables an account.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*AccountResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "service_accounts:change", ResourceID: in.AccountID.String(), Detail: map[string]any{"renamed": in.Body.Name != nil}}
	if in.Body.Disabled != nil {
		entry.Detail["disabled"] = *in.Body.Disabled
	}
	enables := in.Body.Disabled != nil && !*in.Body.Disabled
	return f.write(ctx, entry, func(tx *outbox.Tx) (Account, error) {
		if enables {
			if err := credential.MayEnable(ctx, f.store, tx, caller, credential.KeyOwner{ID: in.AccountID, ServiceAccount: true}); err != nil {
				return Account{}, err
			}
		}
		args := pgx.NamedArgs{"name": in.Body.Name, "disabled": in.Body.Disabled, "organization": caller.OrganizationID, "id": in.AccountID}
		return database.One[Account](ctx, tx, credential.ErrNoServiceAccount, updateAccount, args)
	})
}

// write runs a change of one account and records it.
func (f *Function) write(ctx context.Context, entry audit.Entry, work func(*outbox.Tx) (Account, error)) (*AccountResponse, error) {
	var out AccountResponse
	err := act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = work(tx)
		return err
	})
	return &out, err
}

// List lists the organization's accounts.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	accounts, err := page.List(ctx, f.store.DB, in.Query, func(a Account) uuid.UUID { return a.ID }, selectAccounts, pgx.NamedArgs{"organization": caller.OrganizationID})
	return &ListResponse{accounts}, err
}

// Get returns one account.
func (f *Function) Get(ctx context.Context, in *Request) (*AccountResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	account, err := database.One[Account](ctx, f.store.DB, credential.ErrNoServiceAccount, selectAccount, caller.OrganizationID, in.AccountID)
	if err != nil {
		return nil, err
	}
	return &AccountResponse{account}, nil
}

// Delete deletes an account. Its keys are refused everywhere within a second.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return nil, act.Do(ctx, f.store.DB, audit.Entry{Action: "service_accounts:delete", ResourceID: in.AccountID.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		deleted, err := tx.Exec(ctx, deleteAccount, caller.OrganizationID, in.AccountID)
		if err != nil {
			return fmt.Errorf("delete service account: %w", err)
		}
		if deleted.RowsAffected() == 0 {
			return credential.ErrNoServiceAccount
		}
		return nil
	})
}
