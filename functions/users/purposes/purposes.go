// Package purposes keeps what an organization asks its members to consent to, and
// every version of the text: POST and GET /v1/organizations/{id}/purposes, DELETE
// /v1/organizations/{id}/purposes/{name}, and POST and GET
// /v1/organizations/{id}/purposes/{name}/texts.
package purposes

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(CreateOperation, (*Function).Create),
	function.On(ReviseOperation, (*Function).Revise),
	function.On(RetireOperation, (*Function).Retire),
	function.On(ListOperation, (*Function).List),
	function.On(TextsOperation, (*Function).Texts),
}

// Function keeps purposes.
type Function struct{ users.Store }

// New opens the purposes.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
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

// Create adds a purpose with its first text.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	caller, err := f.callerAt(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	var created users.ConsentPurpose
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var purposes int
		if err := tx.QueryRow(ctx, lockOrganization, in.ID).Scan(&purposes); err != nil {
			return err
		}
		if purposes >= maxPurposes {
			return fault.New(fault.Conflict, "An organization has %d purposes at the most, retired ones too", maxPurposes)
		}
		if _, err := tx.Exec(ctx, insertPurpose, id, in.ID, in.Body.Name); err != nil {
			return err
		}
		created, err = publish(ctx, tx, caller, id, "purposes:create", in.Body.Text.Text)
		return err
	})
	if database.Violates(err, "purposes_name") {
		return nil, fault.New(fault.Conflict, "The organization has a purpose of this name already, or had one")
	}
	if err != nil {
		return nil, fmt.Errorf("create purpose: %w", err)
	}
	return &Response{Body: created}, nil
}

// Revise gives a purpose its next text.
func (f *Function) Revise(ctx context.Context, in *ReviseRequest) (*Response, error) {
	caller, err := f.callerAt(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var revised users.ConsentPurpose
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var id uuid.UUID
		if err := tx.QueryRow(ctx, lockPurpose, in.ID, in.Name).Scan(&id); err != nil {
			return err
		}
		revised, err = publish(ctx, tx, caller, id, "purposes:revise", in.Body.Text.Text)
		return err
	})
	if database.IsNoRows(err) {
		return nil, users.ErrNoPurpose
	}
	if err != nil {
		return nil, fmt.Errorf("revise purpose: %w", err)
	}
	return &Response{Body: revised}, nil
}

// publish gives a purpose that is locked its next text.
func publish(ctx context.Context, tx *outbox.Tx, caller auth.Caller, purpose uuid.UUID, action, text string) (users.ConsentPurpose, error) {
	hash := sha256.Sum256([]byte(text))
	var version int
	if err := tx.QueryRow(ctx, insertText, purpose, text, hash[:], caller.UserID).Scan(&version); err != nil {
		return users.ConsentPurpose{}, fmt.Errorf("insert text: %w", err)
	}
	if version > maxTexts {
		return users.ConsentPurpose{}, fault.New(fault.Conflict, "A purpose has %d texts at the most: make a new purpose", maxTexts)
	}
	err := audit.Record(ctx, tx, audit.Entry{Action: action, ResourceID: purpose.String(), Detail: map[string]any{"version": version}})
	if err != nil {
		return users.ConsentPurpose{}, err
	}
	rows, _ := tx.Query(ctx, selectPurposes+` AND p.id = $2`, caller.OrganizationID, purpose)
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[users.ConsentPurpose])
}

// Retire ends a purpose.
func (f *Function) Retire(ctx context.Context, in *Request) (*struct{}, error) {
	if _, err := f.callerAt(ctx, in.ID); err != nil {
		return nil, err
	}
	err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var id uuid.UUID
		if err := tx.QueryRow(ctx, retirePurpose, in.ID, in.Name).Scan(&id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "purposes:retire", ResourceID: id.String()})
	})
	if database.IsNoRows(err) {
		return nil, users.ErrNoPurpose
	}
	if err != nil {
		return nil, fmt.Errorf("retire purpose: %w", err)
	}
	return nil, nil
}
