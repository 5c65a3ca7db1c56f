// Package consents lets people consent to their organization's purposes and withdraw
// consents in any organization: POST and GET /v1/users/consents, DELETE
// /v1/users/consents/{purpose}, and GET /v1/users/consents/history.
package consents

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Service("users-consents", New,
	function.On(function.Post("users-give-consent", "/v1/users/consents", "Consent to a purpose", policy.Person.WithoutImpersonation()).
		Fails(fault.NotFound, fault.Conflict).
		Describe("The version must be that of the newest text."), (*Function).Give),
	function.On(function.Delete("users-withdraw-consent", "/v1/users/consents/{purpose}", "Withdraw a consent", policy.Person.BeforeSetup().WithoutImpersonation()).
		Describe("Possible at any time (GDPR Article 7(3)), even if the purpose is retired, or if you have left the organization or have yet to meet its requirements. "+
			"Withdrawing a consent that you never gave has no effect."), (*Function).Withdraw),
	function.On(function.Get("users-list-own-consents", "/v1/users/consents", "List your consents", policy.Person.BeforeSetup()).
		Describe("Your decisions on the purposes of all your organizations, past ones included, and the purposes that your current organization asks you to decide on."), (*Function).List),
	function.On(function.Get("users-list-consent-history", "/v1/users/consents/history", "List every consent that you gave or withdrew", policy.Person.BeforeSetup()).
		Describe("In all your organizations, past ones included, each with its proof: the text (version and SHA-256), when, and from where."), (*Function).History),
).
	Uses(function.Owns(database.Users), function.Keys)

// Function manages people's decisions on consent.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const (
	// Serializes the decisions of a person, who may no longer be a member, and excludes
	// concurrent new texts.
	lockPerson  = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	lockPurpose = `
SELECT id FROM purposes p WHERE organization_id = @organization AND name = @purpose
  AND (@own OR EXISTS (SELECT FROM consent_decisions WHERE user_id = @user AND purpose_id = p.id)) FOR SHARE`
	selectLast = `
SELECT p.organization_id, p.name AS purpose, t.version AS newest_version, p.retired_at,
       coalesce(d.given, false) AS given, coalesce(d.version, 0) AS version, d.decided_at
FROM purposes p
CROSS JOIN LATERAL (SELECT max(version) AS version FROM purpose_texts WHERE purpose_id = p.id) t
LEFT JOIN LATERAL (SELECT * FROM consent_decisions WHERE user_id = @user AND purpose_id = p.id ORDER BY number DESC LIMIT 1) d ON true
WHERE `
	insertDecision = `
INSERT INTO consent_decisions (id, organization_id, user_id, purpose_id, number, version, given, session_id, address, device, decided_at)
SELECT @id, @organization, @user, @purpose, coalesce(max(number), 0) + 1, @version, @given, @session, @address, @device, @now
FROM consent_decisions WHERE user_id = @user AND purpose_id = @purpose RETURNING number`
)

// Give records that the person consents to the newest text of a purpose.
func (f *Function) Give(ctx context.Context, in *GiveRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return f.decide(ctx, caller, caller.OrganizationID, in.Body.Purpose, func(now *privacy.ConsentState) (bool, error) {
		switch {
		case now.RetiredAt != nil:
			return false, fault.New(fault.Conflict, "This purpose has been retired and no longer accepts consents")
		case in.Body.Version != now.NewestVersion:
			return false, fault.New(fault.Conflict, "This is not the newest version of the text: read the purpose again and consent to its current version")
		}
		changed := !now.Given || now.Version != in.Body.Version
		now.Given, now.Version = true, in.Body.Version
		return changed, nil
	})
}

// Withdraw records that the person withdraws a consent. It works whatever blocks the person in
// the organization, and for former members.
func (f *Function) Withdraw(ctx context.Context, in *WithdrawRequest) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	organization := cmp.Or(in.OrganizationID, caller.OrganizationID)
	if organization == uuid.Nil {
		return nil, errNoOrganization
	}
	return f.decide(ctx, caller, organization, in.Purpose, func(now *privacy.ConsentState) (bool, error) {
		changed := now.Given
		now.Given = false
		return changed, nil
	})
}

var errNoOrganization = fault.At("query.organization_id", "you are not acting in an organization: set organization_id to the one whose purpose this is")

// decide calls change with the person's current decision and records the result if it differs.
// In organizations in which the caller does not act, it only finds purposes on which they have
// already decided.
func (f *Function) decide(ctx context.Context, caller auth.Caller, organization uuid.UUID, purpose string, change func(*privacy.ConsentState) (bool, error)) (*Response, error) {
	var state privacy.ConsentState
	err := f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var id uuid.UUID
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return err
		}
		arguments := pgx.NamedArgs{"user": caller.UserID, "organization": organization, "purpose": purpose, "own": organization == caller.OrganizationID}
		err := tx.QueryRow(ctx, lockPurpose, arguments).Scan(&id)
		if database.IsNoRows(err) {
			return privacy.ErrNoPurpose
		}
		if err != nil {
			return err
		}
		args := pgx.NamedArgs{"user": caller.UserID, "purpose": id}
		if state, err = database.One[privacy.ConsentState](ctx, tx, privacy.ErrNoPurpose, selectLast+`p.id = @purpose`, args); err != nil {
			return err
		}
		if changed, err := change(&state); err != nil || !changed {
			return err
		}
		return f.record(ctx, tx, caller, id, &state)
	})
	if err != nil {
		return nil, fmt.Errorf("decide on purpose: %w", err)
	}
	return &Response{Body: state}, nil
}

// record stores a decision with its proof and publishes it.
func (f *Function) record(ctx context.Context, tx *outbox.Tx, caller auth.Caller, purpose uuid.UUID, state *privacy.ConsentState) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	state.DecidedAt = &now
	id := uuid7.New()
	arguments := pgx.NamedArgs{
		"id": id, "organization": state.OrganizationID, "user": caller.UserID, "purpose": purpose, "version": state.Version, "given": state.Given,
		"session": uuid.NullUUID{UUID: caller.SessionID, Valid: caller.SessionID != uuid.Nil}, "address": nil, "now": now,
	}
	key, err := person.KeyOf(ctx, f.store, tx, caller.UserID)
	if err != nil {
		return err
	}
	from := client.From(ctx)
	if arguments["device"], err = secret.Seal(key, privacy.ConsentDeviceField, from.UserAgent); err != nil {
		return err
	}
	if from.Address.IsValid() {
		if arguments["address"], err = secret.Seal(key, privacy.ConsentAddressField, from.Address.String()); err != nil {
			return err
		}
	}
	said := events.Consent{UserID: caller.UserID, OrganizationID: state.OrganizationID, Purpose: state.Purpose, Version: state.Version, DecidedAt: now}
	if err := tx.QueryRow(ctx, insertDecision, arguments).Scan(&said.Number); err != nil {
		return fmt.Errorf("insert decision: %w", err)
	}
	action, event := "consents:withdraw", events.Event(events.ConsentWithdrawn{Consent: said})
	if state.Given {
		action, event = "consents:give", events.ConsentGiven{Consent: said}
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Action: action, ResourceID: purpose.String(), OrganizationID: state.OrganizationID, Detail: map[string]any{"version": state.Version},
	})
	if err != nil {
		return err
	}
	return tx.Publish(ctx, event)
}
