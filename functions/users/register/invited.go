package register

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// errInvitation is the response to everybody who does not hold a valid token for the address.
var errInvitation = fault.At("body.invitation", "this invitation is for another address, has expired or was already used: ask for a new one")

// registerInvited creates the account of an invited person. It checks the token before it looks up
// any account, so that only a person who reads the address's mail can learn whether the address has
// one.
func (f *Function) registerInvited(ctx context.Context, in *Request, name person.Name) (*Response, error) {
	if in.Body.OrganizationID != nil {
		return nil, fault.At("body.organization_id", "an invitation already determines the organization: omit this field")
	}
	account, err := f.accept(ctx, in.Body.Invitation, in.Body.Password, &name)
	switch {
	case errors.Is(err, membership.ErrInvitation):
		err = errInvitation
	case database.Violates(err, person.EmailTaken):
		err = fault.New(fault.Conflict, "An account with this email address already exists: log in and accept the invitation (POST /v1/organizations/invitations/accept)")
	}
	if err != nil {
		return nil, fmt.Errorf("open account by invitation: %w", act.Refused(ctx, f.Store.DB, audit.Entry{Action: "users:register"}, err))
	}
	var out Response
	out.opened(account, name)
	return &out, nil
}

func (f *Function) accept(ctx context.Context, token, password string, name *person.Name) (account person.Account, err error) {
	index := person.EmailIndex(f.Store.Keeper, name.Email)
	organization, address, err := membership.InvitedAddress(ctx, f.Store, token, index)
	if err != nil {
		return account, err
	}
	name.Email = address
	person, err := f.person(ctx, *name, index, password, organization, f.Hasher.Hash)
	if err != nil {
		return account, err
	}
	person.Verified = true
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		account, err = lifecycle.OpenInvited(ctx, f.Store, tx, person, token)
		return err
	})
	return account, err
}

type hash func(context.Context, string) (string, error)

// person prepares the account after checking the password against the organization's rules.
func (f *Function) person(ctx context.Context, name person.Name, index []byte, password string, organization uuid.UUID, hash hash) (person lifecycle.NewAccount, err error) {
	rules, err := credential.PasswordRulesOf(ctx, f.Passwords, organization)
	if err != nil {
		return person, err
	}
	if err := credential.CheckNewPassword(ctx, f.Passwords, rules, uuid.Nil, password, "body.password", name.Email, name.FirstName, name.LastName); err != nil {
		return person, err
	}
	hashed, err := hash(ctx, password)
	if err != nil {
		return person, err
	}
	person, err = lifecycle.PrepareAccount(ctx, f.Store, name, index)
	person.PasswordHash = hashed
	return person, err
}
