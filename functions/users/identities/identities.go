// Package identities links a person's account with their logins at other token issuers
// (OIDC_ISSUERS), such as the platform's core auth service: POST and GET /v1/users/identities,
// and DELETE /v1/users/identities/{id}.
package identities

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-identities", New,
	function.On(function.Post("users-link-identity", "/v1/users/identities", "Link a login of another issuer", policy.Person.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict, fault.Unavailable).
		Describe("From then on tokens of that login act as you. You are notified by mail."), (*Function).Link),
	function.On(function.Get("users-list-identities", "/v1/users/identities", "List linked logins of other issuers", policy.Person), (*Function).List),
	function.On(function.Delete("users-unlink-identity", "/v1/users/identities/{id}", "Unlink a login of another issuer", policy.Person.WithFreshProof()).
		Describe("Its tokens stop working everywhere within a second. You are notified by mail."), (*Function).Unlink),
).
	Uses(function.Owns(database.Users), function.Keys)

// Identity is a person's login at another issuer.
type Identity struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Issuer    string    `json:"issuer"`
	CreatedAt time.Time `json:"created_at"`
}

// LinkRequest contains a token that proves the login.
type LinkRequest struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"8192" doc:"An access token that the other issuer issued to you for this platform"`
	}
}

// LinkResponse is the linked login.
type LinkResponse struct{ Body Identity }

// ListResponse lists all linked logins.
type ListResponse struct{ Body page.Page[Identity] }

// UnlinkRequest identifies a linked login.
type UnlinkRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Function links logins.
type Function struct {
	store    store.Store
	mailer   notify.Mailer
	verifier *auth.Verifier
}

// New opens the store and the mailer, and configures the trusted issuers.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	if err != nil {
		return nil, err
	}
	verifier, err := env.Verifier(ctx)
	return &Function{store, mailer, verifier}, err
}

const (
	selectIdentities = `SELECT id, issuer, created_at FROM external_identities WHERE user_id = $1 ORDER BY id DESC LIMIT $2`
	deleteIdentity   = `DELETE FROM external_identities WHERE id = $1 AND user_id = $2 RETURNING issuer`
)

var errNotFound = fault.New(fault.NotFound, "You have no linked login with this identifier")

// List lists the caller's linked logins, newest first.
func (f *Function) List(ctx context.Context, _ *struct{}) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out ListResponse
	rows, _ := f.store.DB.Query(ctx, selectIdentities, caller.UserID, maxIdentities)
	if out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Identity]); err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return &out, nil
}

// Unlink removes one of the caller's linked logins.
func (f *Function) Unlink(ctx context.Context, in *UnlinkRequest) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nil, act.Do(ctx, f.store.DB, audit.Entry{Action: "identities:unlink", ResourceID: in.ID.String()}, func(tx *outbox.Tx, entry *audit.Entry) error {
		var issuer string
		err := tx.QueryRow(ctx, deleteIdentity, in.ID, caller.UserID).Scan(&issuer)
		if database.IsNoRows(err) {
			return errNotFound
		}
		if err != nil {
			return fmt.Errorf("unlink identity: %w", err)
		}
		entry.Detail = map[string]any{"issuer": issuer}
		return f.mailer.Notify(ctx, tx, caller.UserID, func(to string) mail.Message {
			return f.mailer.IdentityUnlinked(to, issuer)
		})
	})
}
