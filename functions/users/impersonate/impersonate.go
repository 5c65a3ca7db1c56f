// Package impersonate lets a platform admin act as another person for half an hour, with a
// reason that is mailed to the person: POST /v1/admin/users/{id}/impersonate. Logging out
// ends it.
package impersonate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-impersonate", "/v1/admin/users/{id}/impersonate", "Act as another person", policy.PlatformUsers.WithFreshProof()).
	Fails(fault.Conflict).
	Describe("The session lasts 30 minutes. While acting as another person you can read, work with datasets, queries and reports, "+
		"and correct the profile. Changes to the account, its credentials and keys, its memberships or its organizations are refused (403). The person is notified by mail, with the reason; every action is audited under both names. "+
		"Platform admins cannot be impersonated. POST /v1/users/logout ends the session."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request identifies the person and gives the reason.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		lifecycle.Reason
		OrganizationID *uuid.UUID `json:"organization_id,omitempty" format:"uuid" doc:"Organization to act in. Default: the person's oldest"`
	}
}

// Response contains the tokens of the session.
type Response struct{ Body session.Tokens }

// Function begins sessions in which an admin acts as another person.
type Function struct {
	store  store.Store
	issuer *auth.Issuer
	mailer notify.Mailer
}

// New opens the store, the token issuer and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, session.NewIssuer(store, env), mailer}, err
}

var errNoMember = fault.New(fault.Conflict, "The person is not an active member of this organization: choose another organization")

const selectMembership = `
SELECT m.organization_id FROM memberships m JOIN organizations o ON o.id = m.organization_id AND o.deleted_at IS NULL
WHERE m.user_id = $1 AND m.status = 'active' AND ($2::uuid IS NULL OR m.organization_id = $2) ORDER BY m.created_at LIMIT 1`

// Handle begins the session.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	err = lifecycle.Administer(ctx, f.store, in.ID, "users:impersonate", string(in.Body.Reason.Reason), func(tx *outbox.Tx, person lifecycle.Subject) error {
		switch {
		case person.PlatformAdmin:
			return fault.New(fault.Forbidden, "Platform admins cannot be impersonated")
		case person.SuspendedAt != nil:
			return fault.New(fault.Conflict, "This account is suspended")
		}
		out.Body, err = f.begin(ctx, tx, caller, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("impersonate: %w", err)
	}
	return out, nil
}

// begin begins the session and notifies the person.
func (f *Function) begin(ctx context.Context, tx *outbox.Tx, caller auth.Caller, in *Request) (session.Tokens, error) {
	var organization uuid.UUID
	err := tx.QueryRow(ctx, selectMembership, in.ID, in.Body.OrganizationID).Scan(&organization)
	if database.IsNoRows(err) {
		return session.Tokens{}, errNoMember
	}
	if err != nil {
		return session.Tokens{}, fmt.Errorf("read membership: %w", err)
	}
	tokens, err := session.Begin(ctx, f.store, tx, f.issuer, session.Login{
		UserID: in.ID, OrganizationID: organization, Methods: caller.Methods, ImpersonatorID: caller.UserID,
	})
	if errors.Is(err, session.ErrGone) {
		return tokens, errNoMember
	}
	if err != nil {
		return tokens, err
	}
	until := time.Now().Add(session.ImpersonationLife)
	return tokens, f.mailer.Notify(ctx, tx, in.ID, func(to string) mail.Message {
		return f.mailer.Impersonated(to, until, string(in.Body.Reason.Reason))
	})
}
