// Package register creates an account: POST /v1/users/register. With REGISTRATION_CONFIRMATION,
// the account is created once its address is confirmed by mail and the password is entered again
// (users-confirm-registration), and nobody else learns whether the address already had an
// account.
//
// Without an organization, the person gets a new one and owns it. With an organization, the
// person requests to join it and sees nothing of it until the request is approved
// (users-approve-member). With an invitation, the mailed token has already confirmed the
// address: the account is created at once, as a member of the inviting organization.
package register

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
	"function/shared/ratelimit"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-register", "/v1/users/register", "Register an account", policy.Public).
	Sensitive().Status(http.StatusCreated).Fails(fault.Conflict, fault.Unavailable).
	Describe("Where registrations are confirmed by mail, the response is always 202, whether or not the address has an account. The mailed link and the password given here complete the registration, on any device. With an invitation the account is created at once.").
	Answers(map[string]*huma.Response{"202": {
		Description: "Accepted: complete the registration with the mailed token and the password (POST /v1/users/email/confirm)",
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
			Type: huma.TypeObject, Properties: map[string]*huma.Schema{"message": {Type: huma.TypeString, Description: "What to do next"}},
		}}},
	}}), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request describes the person.
type Request struct {
	Body struct {
		Email            person.Email        `json:"email" doc:"The address only, without a display name. It is also the login name"`
		Password         string              `json:"password" minLength:"8" maxLength:"256" doc:"At least 8 characters, or as many as the platform (PASSWORD_MIN_LENGTH) or the organization requires. Passwords that are easy to guess are refused (NIST SP 800-63B)"`
		FirstName        person.DisplayName  `json:"first_name" minLength:"1" maxLength:"100"`
		LastName         person.DisplayName  `json:"last_name" minLength:"1" maxLength:"100"`
		OrganizationID   *uuid.UUID          `json:"organization_id,omitempty" format:"uuid" doc:"Organization to request membership of; absent: a new one is created. An organization that accepts no requests (setting refuse_requests) responds as if it did not exist"`
		OrganizationName *person.DisplayName `json:"organization_name,omitempty" minLength:"1" maxLength:"100" doc:"Name of the new organization. Default: Organization with a short random suffix. Cannot be combined with organization_id or invitation"`
		Invitation       string              `json:"invitation,omitempty" minLength:"1" maxLength:"100" doc:"Token of an invitation mailed to this address. The account is created at once, with a confirmed address, as a member of the inviting organization. Cannot be combined with organization_id"`
	}
}

// Response is the account or, if it must be confirmed, what to do next.
type Response struct {
	Status int
	Body   struct {
		*person.Account
		Message string `json:"message,omitempty" doc:"What to do next. Only with 202, which has no other fields"`
	}
}

func (r *Response) opened(a person.Account, n person.Name) {
	a.Email, a.FirstName, a.LastName = n.Email, n.FirstName, n.LastName
	r.Status, r.Body.Account = http.StatusCreated, &a
}

// Function creates accounts.
type Function struct {
	credential.Passwords
	mailer  notify.Mailer
	confirm bool // registrations are confirmed by mail
}

// New opens the store and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passwords, err := credential.OpenPasswords(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(passwords.Store, env)
	if err != nil {
		return nil, err
	}
	if env.Config.RegistrationConfirmation && !mailer.Sends() {
		return nil, errors.New("REGISTRATION_CONFIRMATION needs a mail server (MAIL and SMTP_URL)")
	}
	return &Function{passwords, mailer, env.Config.RegistrationConfirmation}, nil
}

// Handle creates the account in one transaction, or stores a registration to be confirmed.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	b := in.Body
	index := person.EmailIndex(f.Store.Keeper, string(b.Email))
	if err := ratelimit.Account(ctx, index); err != nil {
		return nil, err
	}
	name := person.Name{Email: string(b.Email), FirstName: string(b.FirstName), LastName: string(b.LastName)}
	if b.OrganizationName != nil && (b.OrganizationID != nil || b.Invitation != "") {
		return nil, fault.At("body.organization_name", "you are joining an existing organization: omit this field")
	}
	if b.Invitation != "" {
		return f.registerInvited(ctx, in, name)
	}
	var organization uuid.UUID
	if b.OrganizationID != nil {
		organization = *b.OrganizationID
	}
	hash := f.Hasher.Hash
	if f.confirm {
		hash = f.registrationHash(index)
	}
	who, err := f.person(ctx, name, index, b.Password, organization, hash)
	if err != nil {
		return nil, err
	}
	who.JoinsID = b.OrganizationID
	if b.OrganizationName != nil {
		who.OrganizationName = string(*b.OrganizationName)
	}
	var out Response
	if f.confirm {
		out.Status, out.Body.Message = http.StatusAccepted, "We have sent a mail to this address. Follow the link in it and enter the password again."
		err = f.storeRegistration(ctx, who)
	} else {
		var account person.Account
		account, err = f.open(ctx, who)
		out.opened(account, name)
	}
	switch {
	case database.Violates(err, person.EmailTaken):
		return nil, fault.New(fault.Conflict, "An account with this email address already exists: log in instead")
	case database.Violates(err, person.UnknownOrganization), database.Violates(err, "registrations_organization"):
		return nil, fault.At("body.organization_id", "there is no such organization, or it accepts no requests to join: ask it for an invitation")
	case err != nil:
		return nil, fmt.Errorf("open account: %w", err)
	}
	return &out, nil
}
