// Package purposes manages the purposes for which an organization asks its members for consent,
// with every version of their texts: POST and GET /v1/organizations/{id}/purposes, DELETE
// /v1/organizations/{id}/purposes/{name}, and POST and GET
// /v1/organizations/{id}/purposes/{name}/texts.
package purposes

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Function manages purposes.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const (
	lockOrganization = `SELECT count(p) FROM (SELECT id FROM organizations WHERE id = $1 FOR NO KEY UPDATE) o LEFT JOIN purposes p ON p.organization_id = o.id`
	insertPurpose    = `INSERT INTO purposes (id, organization_id, name) VALUES ($1, $2, $3)`
	insertText       = `
INSERT INTO purpose_texts (purpose_id, version, text, text_sha256, published_by)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM purpose_texts WHERE purpose_id = $1 RETURNING version`
	lockPurpose   = `SELECT id FROM purposes WHERE organization_id = $1 AND name = $2 AND retired_at IS NULL FOR NO KEY UPDATE`
	retirePurpose = `UPDATE purposes SET retired_at = now() WHERE organization_id = $1 AND name = $2 AND retired_at IS NULL RETURNING id`
)

// Create creates a purpose with its first text.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	var created privacy.ConsentPurpose
	err = act.Do(ctx, f.store.DB, audit.Entry{Action: "purposes:create", ResourceID: id.String()}, func(tx *outbox.Tx, entry *audit.Entry) error {
		var purposes int
		if err := tx.QueryRow(ctx, lockOrganization, in.ID).Scan(&purposes); err != nil {
			return err
		}
		if purposes >= maxPurposes {
			return fault.New(fault.Conflict, "An organization can have at most %d purposes, including retired ones", maxPurposes)
		}
		if _, err := tx.Exec(ctx, insertPurpose, id, in.ID, in.Body.Name); err != nil {
			return err
		}
		created, err = publish(ctx, tx, caller, entry, in.Body.Text.Text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create purpose: %w", err)
	}
	return &Response{Body: created}, nil
}

// Revise publishes a new text of a purpose.
func (f *Function) Revise(ctx context.Context, in *ReviseRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var revised privacy.ConsentPurpose
	err = act.Do(ctx, f.store.DB, audit.Entry{Action: "purposes:revise"}, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := find(ctx, tx, lockPurpose, in.ID, in.Name, entry); err != nil {
			return err
		}
		revised, err = publish(ctx, tx, caller, entry, in.Body.Text.Text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("revise purpose: %w", err)
	}
	return &Response{Body: revised}, nil
}

// find runs a statement that finds a purpose and stores its identifier in the audit entry.
func find(ctx context.Context, tx *outbox.Tx, statement string, organization uuid.UUID, name string, entry *audit.Entry) error {
	err := tx.QueryRow(ctx, statement, organization, name).Scan(&entry.ResourceID)
	if database.IsNoRows(err) {
		return privacy.ErrNoPurpose
	}
	return err
}

// publish stores the next text of a locked purpose and describes it in the audit entry.
func publish(ctx context.Context, tx *outbox.Tx, caller auth.Caller, entry *audit.Entry, text string) (privacy.ConsentPurpose, error) {
	hash := sha256.Sum256([]byte(text))
	var version int
	if err := tx.QueryRow(ctx, insertText, entry.ResourceID, text, hash[:], caller.UserID).Scan(&version); err != nil {
		return privacy.ConsentPurpose{}, fmt.Errorf("insert text: %w", err)
	}
	if version > maxTexts {
		return privacy.ConsentPurpose{}, fault.New(fault.Conflict, "A purpose can have at most %d texts: create a new purpose", maxTexts)
	}
	entry.Detail = map[string]any{"version": version}
	return database.One[privacy.ConsentPurpose](ctx, tx, pgx.ErrNoRows, selectPurposes+` AND p.id = $2`, caller.OrganizationID, entry.ResourceID)
}

// Retire retires a purpose.
func (f *Function) Retire(ctx context.Context, in *Request) (*struct{}, error) {
	err := act.Do(ctx, f.store.DB, audit.Entry{Action: "purposes:retire"}, func(tx *outbox.Tx, entry *audit.Entry) error {
		return find(ctx, tx, retirePurpose, in.ID, in.Name, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("retire purpose: %w", err)
	}
	return nil, nil
}
