package scimusers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

const (
	selectAccount = `
SELECT u.id, u.email_verified_at IS NOT NULL, coalesce(m.role, ''), coalesce(m.status, '')
FROM users u LEFT JOIN memberships m ON m.user_id = u.id AND m.organization_id = $2
WHERE u.email_index = $1`
	insertPerson = `
INSERT INTO provisioned_people (id, organization_id, user_id, domain_id, email_index, emails_index, user_name_index, external_index, wrapped_key, attributes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

// newPerson is a person who is being provisioned.
type newPerson struct {
	provisioned
	caller     auth.Caller
	domain     *uuid.UUID // verified domain in which the account is created
	email      string
	index      []byte // of the address
	attributes scim.Resource
	active     bool
}

// Create provisions a person.
func (f *Function) Create(ctx context.Context, in *provisioning.ProvisionRequest) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	attributes, err := read(&in.Message)
	if err != nil {
		return scim.Failed(err)
	}
	c := newPerson{caller: caller, attributes: attributes, active: attributes["active"] != false}
	if c.email, err = addressOf(attributes); err != nil {
		return scim.Failed(err)
	}
	if err := f.mailer.Require(); err != nil {
		return nil, err // for every address: an error only when an invitation is needed would reveal whether there is an account
	}
	c.index = person.EmailIndex(f.store.Keeper, c.email)
	insert := func() (r scim.Resource, err error) {
		err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
			c.provisioned, c.domain = provisioned{ID: uuid7.New()}, nil // the transaction may be retried
			if err := f.insert(ctx, tx, &c); err != nil {
				return err
			}
			p, err := load(ctx, tx, c.caller.OrganizationID, c.ID)
			if err != nil {
				return err
			}
			r, err = f.resource(ctx, p)
			return err
		})
		return r, err
	}
	r, err := insert()
	if database.Violates(err, person.EmailTaken) {
		r, err = insert() // the account was created concurrently, so it is found now
	}
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "members:provision", c.ID, err))
	}
	return scim.Show(http.StatusCreated, r, in.Selecting(scim.User))
}

// read decodes and validates the body of a request.
func read(message *scim.Message) (scim.Resource, error) {
	var sent scim.Resource
	if err := message.Decode(&sent); err != nil {
		return nil, err
	}
	return scim.User.Normalize(sent)
}

// addressOf returns the address that identifies the account: the primary one, or else the first
// one, or else the userName if it is an address.
func addressOf(r scim.Resource) (string, error) {
	address, _ := r["userName"].(string)
	emails, _ := r["emails"].([]any)
	for i, e := range emails {
		object, _ := e.(map[string]any)
		if value, ok := object["value"].(string); ok && (i == 0 || object["primary"] == true) {
			address = value
		}
	}
	parsed, err := person.ParseEmail(address)
	if err != nil {
		return "", scim.BadRequest(scim.InvalidValue, "A user needs an email address, in emails or as userName: %s", err)
	}
	return parsed, nil
}

// insert stores a person and, depending on their account, creates an account, approves or links
// the member, or invites them.
func (f *Function) insert(ctx context.Context, tx *outbox.Tx, c *newPerson) error {
	if err := store.LockOrganization(ctx, tx, c.caller.OrganizationID); err != nil {
		return err
	}
	domain, err := membership.VerifiedDomain(ctx, tx, c.caller.OrganizationID, c.email)
	if err != nil {
		return err
	}
	m, verified, err := accountOf(ctx, tx, c.caller.OrganizationID, c.index)
	switch {
	case err != nil:
		return err
	case m.UserID == uuid.Nil && domain != nil:
		return f.open(ctx, tx, c, domain)
	case m.Status == access.MembershipRequested && verified && c.active:
		if err := f.approve(ctx, tx, c.caller.OrganizationID, m.UserID); err != nil {
			return err
		}
		return f.link(ctx, tx, c, m.UserID)
	case m.Status == access.MembershipActive || m.Status == access.MembershipSuspended:
		if err := f.link(ctx, tx, c, m.UserID); err != nil {
			return err
		}
		if requested, ok := c.attributes["active"].(bool); ok {
			return f.setStatus(ctx, tx, m, requested)
		}
		return nil
	}
	return f.storeAndInvite(ctx, tx, c)
}

// accountOf reads the account of an address and its membership in the organization. If there is
// no account, the membership has no UserID.
func accountOf(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, index []byte) (m access.Membership, verified bool, err error) {
	m.OrganizationID = organization
	err = tx.QueryRow(ctx, selectAccount, index, organization).Scan(&m.UserID, &verified, &m.Role, &m.Status)
	if err != nil && !database.IsNoRows(err) {
		return m, false, fmt.Errorf("look for account: %w", err)
	}
	return m, verified, nil
}

// open creates an account without a password. To log in, the person must choose one with a
// mailed link, or use another issuer.
func (f *Function) open(ctx context.Context, tx *outbox.Tx, c *newPerson, domain *uuid.UUID) error {
	name := nameOf(c.attributes)
	name.Email = c.email
	account, err := lifecycle.PrepareAccount(ctx, f.store, name, c.index)
	if err != nil {
		return err
	}
	key, err := f.store.Keeper.Unwrap(ctx, account.WrappedKey)
	if err != nil {
		return err
	}
	m := access.Membership{UserID: account.ID, OrganizationID: c.caller.OrganizationID, Role: policy.Member, Status: access.MembershipActive}
	if !c.active {
		m.Status = access.MembershipSuspended
	}
	if _, err := lifecycle.OpenAccountIn(ctx, tx, account, m); err != nil {
		return err
	}
	c.UserID, c.domain = &account.ID, domain
	if err := f.insertAttributes(ctx, tx, c, key, nil); err != nil || !c.active {
		return err
	}
	return notify.Welcome(ctx, f.store, tx, f.mailer, account.ID)
}

// approve approves the membership of a person who has requested to join and whose address is
// verified. A person whose address is not verified is invited instead.
func (f *Function) approve(ctx context.Context, tx *outbox.Tx, organization, account uuid.UUID) error {
	if _, err := membership.ApproveMember(ctx, tx, organization, account, policy.Member); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "members:approve", ResourceID: account.String(), Detail: map[string]any{"provisioned": true}})
}

// link stores the attributes of a person who is a member.
func (f *Function) link(ctx context.Context, tx *outbox.Tx, c *newPerson, account uuid.UUID) error {
	key, err := person.KeyOf(ctx, f.store, tx, account)
	if err != nil {
		return err
	}
	c.UserID = &account
	return f.insertAttributes(ctx, tx, c, key, nil)
}

// storeAndInvite stores the attributes of a person who is not a member yet and invites them.
func (f *Function) storeAndInvite(ctx context.Context, tx *outbox.Tx, c *newPerson) error {
	key, wrapped, err := f.store.Keeper.NewKey(ctx)
	if err != nil {
		return err
	}
	if err := f.insertAttributes(ctx, tx, c, key, wrapped); err != nil || !c.active {
		return err
	}
	return f.invite(ctx, tx, c.caller, c.email)
}

// insertAttributes stores the attributes, sealed with key.
func (f *Function) insertAttributes(ctx context.Context, tx *outbox.Tx, c *newPerson, key, wrapped []byte) error {
	row, err := f.columns(c.attributes, key)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, insertPerson, c.ID, c.caller.OrganizationID, c.UserID, c.domain, c.index, row.emails, row.userName, row.external, wrapped, row.attributes); err != nil {
		return fmt.Errorf("insert provisioned person: %w", err)
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "members:provision", ResourceID: c.ID.String(), Detail: map[string]any{"opened_account": c.domain != nil}})
}
