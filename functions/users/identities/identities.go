// Package identities links a person's account with who they are to other issuers of
// tokens (OIDC_ISSUERS), such as the platform's core auth service: POST and GET
// /v1/users/identities, and DELETE /v1/users/identities/{id}.
package identities

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/uuid7"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(LinkOperation, (*Function).Link),
	function.On(ListOperation, (*Function).List),
	function.On(UnlinkOperation, (*Function).Unlink),
}

// The HTTP operations.
var (
	LinkOperation = huma.Operation{
		OperationID: "users-link-identity", Method: http.MethodPost, Path: "/v1/users/identities",
		Summary: "Link a login of another issuer", Tags: []string{users.Tag}, Security: function.FreshPerson,
		Description:   "From then on tokens of that login act as you. You are told by mail.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusServiceUnavailable},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-identities", Method: http.MethodGet, Path: "/v1/users/identities",
		Summary: "Linked logins of other issuers", Tags: []string{users.Tag}, Security: function.Person,
		Errors: []int{http.StatusUnauthorized},
	}
	UnlinkOperation = huma.Operation{
		OperationID: "users-unlink-identity", Method: http.MethodDelete, Path: "/v1/users/identities/{id}",
		Summary: "Unlink a login of another issuer", Tags: []string{users.Tag}, Security: function.Person,
		Description:   "Its tokens are refused everywhere within a second.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusNotFound},
	}
)

// Identity is who a person is to another issuer.
type Identity struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Issuer    string    `json:"issuer"`
	CreatedAt time.Time `json:"created_at"`
}

// LinkRequest proves who the person is there.
type LinkRequest struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"8192" doc:"An access token that the other issuer gave you for this platform"`
	}
}

// LinkResponse is the link.
type LinkResponse struct{ Body Identity }

// ListResponse is all of them.
type ListResponse struct{ Body page.Page[Identity] }

// UnlinkRequest names a link.
type UnlinkRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Function links accounts.
type Function struct {
	users.Store
	verifier *auth.Verifier
}

// New opens the accounts, and learns which issuers are trusted.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	verifier, err := env.Verifier(ctx)
	return &Function{store, verifier}, err
}

const (
	insertIdentity = `
INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES ($1, $2, $3, $4) RETURNING id, issuer, created_at`
	selectIdentities = `SELECT id, issuer, created_at FROM external_identities WHERE user_id = $1 ORDER BY id DESC LIMIT $2`
	deleteIdentity   = `DELETE FROM external_identities WHERE id = $1 AND user_id = $2 RETURNING issuer`
	lockPerson       = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	countIdentities  = `SELECT count(*) FROM external_identities WHERE user_id = $1`
)

// maxIdentities of one person.
const maxIdentities = 20

var (
	errToken = fault.At("body.token", "the token is not valid, has expired, or comes from an issuer that this platform does not trust")
	errTaken = fault.New(fault.Conflict, "This login is linked to an account already: unlink it there first")
	errMany  = fault.New(fault.Conflict, "There are %d linked logins already: unlink one first", maxIdentities)
	errNone  = fault.New(fault.NotFound, "You have no linked login with this identifier")
)

// Link links the subject of a token with the caller's account.
func (f *Function) Link(ctx context.Context, in *LinkRequest) (*LinkResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	identity, err := f.verifier.Identify(ctx, in.Body.Token)
	if e, ok := fault.As(err); ok && e.Kind == fault.Unauthenticated {
		return nil, errToken
	}
	if err != nil {
		return nil, err
	}
	var out LinkResponse
	entry := audit.Entry{Action: "identities:link", Detail: map[string]any{"issuer": identity.Issuer}}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		var linked int
		if err := tx.QueryRow(ctx, countIdentities, caller.UserID).Scan(&linked); err != nil {
			return fmt.Errorf("count identities: %w", err)
		}
		if linked >= maxIdentities {
			return errMany
		}
		rows, _ := tx.Query(ctx, insertIdentity, uuid7.New(), identity.Issuer, identity.SubjectIndex, caller.UserID)
		if out.Body, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Identity]); err != nil {
			return fmt.Errorf("link identity: %w", err)
		}
		entry.ResourceID = out.Body.ID.String()
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		return f.Alert(ctx, tx, caller.UserID, "A login was linked to your account",
			"A login of "+identity.Issuer+" was linked to your account and can act as you. If that was not you, unlink it under /v1/users/identities and change your password.")
	})
	if database.Violates(err, "external_identities_pkey") {
		entry.Refused = errTaken.Detail
		if err := audit.Record(ctx, f.DB, entry); err != nil {
			return nil, err
		}
		return nil, errTaken
	}
	return &out, err
}

// List lists the caller's links, newest first.
func (f *Function) List(ctx context.Context, _ *struct{}) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out ListResponse
	rows, _ := f.DB.Query(ctx, selectIdentities, caller.UserID, maxIdentities)
	if out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Identity]); err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return &out, nil
}

// Unlink removes one of the caller's links.
func (f *Function) Unlink(ctx context.Context, in *UnlinkRequest) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nil, f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var issuer string
		err := tx.QueryRow(ctx, deleteIdentity, in.ID, caller.UserID).Scan(&issuer)
		if database.IsNoRows(err) {
			return errNone
		}
		if err != nil {
			return fmt.Errorf("unlink identity: %w", err)
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "identities:unlink", ResourceID: in.ID.String(), Detail: map[string]any{"issuer": issuer}})
	})
}
