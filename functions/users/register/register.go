// Package register opens an account: POST /v1/users/register.
//
// Without an organization the person gets one, and owns it. With one the person
// asks to join, and sees nothing of it until an owner approves (users-approve-member).
package register

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-register", Method: http.MethodPost, Path: "/v1/users/register",
	Summary: "Open an account", Tags: []string{users.Tag}, Metadata: function.Guarded,
	DefaultStatus: http.StatusCreated, Errors: []int{http.StatusConflict},
}

// Request is the person.
type Request struct {
	Body struct {
		Email          string     `json:"email" format:"email" maxLength:"254" pattern:"^[^\\s<>,]+$" patternDescription:"one address, without a name" doc:"Where the person is reached, and the name to log in with"`
		Password       string     `json:"password" minLength:"8" maxLength:"256" doc:"At least 8 characters, or what the organization demands; none of the passwords that everybody tries first (NIST SP 800-63B)"`
		FirstName      string     `json:"first_name" minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]+$" patternDescription:"text without control characters"`
		LastName       string     `json:"last_name" minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]+$" patternDescription:"text without control characters"`
		OrganizationID *uuid.UUID `json:"organization_id,omitempty" format:"uuid" doc:"Asks to join this organization; absent: a new one"`
	}
}

// Response is the account.
type Response struct{ Body users.Account }

// Function opens accounts.
type Function struct{ users.Store }

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const (
	insertOrganization = `INSERT INTO organizations (id, name) VALUES ($1, 'My organization')`
	insertUser         = `
INSERT INTO users (id, email_index, wrapped_key, email, first_name, last_name, password_hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	insertMembership = `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, $3, $4)`
)

// Handle opens the account in one transaction.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	b := in.Body
	if err := function.LimitAccount(ctx, users.EmailIndex(f.Keeper, b.Email)); err != nil {
		return nil, err
	}
	organization := uuid.Nil
	if b.OrganizationID != nil {
		organization = *b.OrganizationID
	}
	err := f.CheckNewPassword(ctx, f.DB, organization, uuid.Nil, b.Password, "body.password", b.Email, b.FirstName, b.LastName)
	if err != nil {
		return nil, err
	}
	hash, err := f.Hasher.Hash(ctx, b.Password)
	if err != nil {
		return nil, err
	}
	person, err := f.seal(ctx, in)
	if err != nil {
		return nil, err
	}
	m := users.Membership{UserID: person.ID, Role: policy.Owner, Status: users.MembershipActive}
	if organization != uuid.Nil {
		m.OrganizationID, m.Role, m.Status = organization, policy.Member, users.MembershipRequested
	} else {
		m.OrganizationID = uuid7.New()
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error { return f.insert(ctx, tx, person, m, hash) })
	switch {
	case database.Violates(err, "users_email"):
		return nil, fault.New(fault.Conflict, "An account with this email address exists already")
	case database.Violates(err, "memberships_organization"):
		return nil, fault.At("body.organization_id", "there is no such organization")
	case err != nil:
		return nil, fmt.Errorf("open account: %w", err)
	}
	person.OrganizationID = m.OrganizationID
	return &Response{Body: person.Account}, nil
}

func (f *Function) insert(ctx context.Context, tx *outbox.Tx, p *sealedAccount, m users.Membership, hash string) error {
	if m.Status == users.MembershipActive {
		if _, err := tx.Exec(ctx, insertOrganization, m.OrganizationID); err != nil {
			return fmt.Errorf("insert organization: %w", err)
		}
	}
	_, err := tx.Exec(ctx, insertUser, p.ID, p.index, p.wrappedKey, p.name.Email, p.name.FirstName, p.name.LastName, hash, p.CreatedAt)
	if err != nil {
		return fmt.Errorf("insert user: %w", err)
	}
	if _, err := tx.Exec(ctx, insertMembership, m.UserID, m.OrganizationID, m.Role, m.Status); err != nil {
		return fmt.Errorf("insert membership: %w", err)
	}
	if err := metrics.Add(ctx, tx, "user_registrations_total", nil, 1); err != nil {
		return err
	}
	if err := f.Count(ctx, tx); err != nil {
		return err
	}
	if m.Status != users.MembershipActive {
		return nil // the organization learns of the person when it lets the person in
	}
	return tx.Publish(ctx, events.UserRegistered{UserID: p.ID, OrganizationID: m.OrganizationID, Role: m.Role, RegisteredAt: p.CreatedAt})
}

type sealedAccount struct {
	users.Account
	index, wrappedKey []byte
	name              users.SealedName
}

// seal encrypts the personal fields under a new key of the person's own.
func (f *Function) seal(ctx context.Context, in *Request) (*sealedAccount, error) {
	id := uuid7.New()
	key, wrapped, err := f.Keeper.NewKey(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	name, err := users.Name{Email: b.Email, FirstName: b.FirstName, LastName: b.LastName}.Seal(key)
	if err != nil {
		return nil, err
	}
	return &sealedAccount{
		Account: users.Account{ID: id, Email: b.Email, FirstName: b.FirstName, LastName: b.LastName, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)},
		index:   users.EmailIndex(f.Keeper, b.Email), wrappedKey: wrapped, name: name,
	}, nil
}
