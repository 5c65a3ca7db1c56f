package lifecycle

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

// Reason is a platform admin's reason for an action on a person, who can read it (GDPR
// Article 15). It is stored in the audit trail, sealed with the person's key, so that
// erasing the person erases it.
type Reason struct {
	Reason person.DisplayName `json:"reason" minLength:"3" maxLength:"200" doc:"Reason, such as a ticket number. The person can read it"`
}

// reasonField is the encryption context of a sealed reason.
const reasonField = "audit_entries.reason"

// SealReason seals a reason for an audit entry's detail.
func SealReason(ctx context.Context, s store.Store, db store.RowQuerier, personID uuid.UUID, reason string) (string, error) {
	key, err := person.KeyOf(ctx, s, db, personID)
	if err != nil {
		return "", err
	}
	sealed, err := secret.Seal(key, reasonField, reason)
	return base64.StdEncoding.EncodeToString(sealed), err
}

// OpenReason reverses SealReason, with the person's key.
func OpenReason(key []byte, sealed string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", fmt.Errorf("decode reason: %w", err)
	}
	return secret.Unseal(key, reasonField, raw)
}

// Subject is the target of a platform admin's action.
type Subject struct {
	ID            uuid.UUID
	SuspendedAt   *time.Time
	PlatformAdmin bool
}

// Both accounts are locked, always in the same order. If two admins act on each other at the
// same time, the second one sees what the first has done.
const lockBoth = `SELECT id, suspended_at, platform_admin FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

// ErrNoPerson is returned if the person does not exist.
var ErrNoPerson = fault.New(fault.NotFound, "There is no account with this identifier")

var errNotAdmin = fault.New(fault.Forbidden, "You are no longer a platform admin")

var errSelf = fault.New(fault.Conflict, "You cannot do this to your own account: ask another platform admin")

// Administer runs a platform admin's action on another person. It records the action, with
// the reason, in the platform's trail and in those of the person's organizations; a refusal
// only in the platform's.
func Administer(ctx context.Context, s store.Store, person uuid.UUID, action, reason string, work func(*outbox.Tx, Subject) error) error {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: action, ResourceID: person.String(), Platform: true}
	err = s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		subject, err := LockSubject(ctx, tx, caller, person)
		if err != nil {
			return err
		}
		if err := work(tx, subject); err != nil {
			return err
		}
		return recordInOrganizations(ctx, s, tx, person, action, reason)
	})
	return act.Refused(ctx, s.DB, entry, err)
}

// LockSubject locks the admin and the target of the admin's action. It refuses a caller
// who is no longer a platform admin or who acts on themselves.
func LockSubject(ctx context.Context, tx pgx.Tx, admin auth.Caller, person uuid.UUID) (Subject, error) {
	if admin.UserID == person {
		return Subject{}, errSelf
	}
	rows, _ := tx.Query(ctx, lockBoth, []uuid.UUID{admin.UserID, person})
	people, err := pgx.CollectRows(rows, pgx.RowToStructByName[Subject])
	if err != nil {
		return Subject{}, fmt.Errorf("lock accounts: %w", err)
	}
	find := func(id uuid.UUID) int { return slices.IndexFunc(people, func(s Subject) bool { return s.ID == id }) }
	who, subject := find(admin.UserID), find(person)
	switch {
	case who < 0, !people[who].PlatformAdmin, people[who].SuspendedAt != nil:
		return Subject{}, errNotAdmin
	case subject < 0:
		return Subject{}, ErrNoPerson
	}
	return people[subject], nil
}

const selectOrganizations = `SELECT organization_id FROM memberships WHERE user_id = $1 AND status <> 'requested'`

func recordInOrganizations(ctx context.Context, s store.Store, tx *outbox.Tx, person uuid.UUID, action, reason string) error {
	entry := audit.Entry{Action: action, ResourceID: person.String(), Detail: map[string]any{"by": policy.PlatformAdmin}}
	rows, _ := tx.Query(ctx, selectOrganizations, person)
	organizations, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list organizations of person: %w", err)
	}
	for _, entry.OrganizationID = range organizations {
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	sealed, err := SealReason(ctx, s, tx, person, reason)
	if err != nil {
		return err
	}
	entry.OrganizationID, entry.Platform, entry.Detail = uuid.Nil, true, map[string]any{"sealed_reason": sealed}
	return audit.Record(ctx, tx, entry)
}

const makeAdmin = `UPDATE users SET platform_admin = true WHERE email_index = $1 RETURNING id`

// MakePlatformAdmin makes the person with an address a platform admin. Operators use it to
// create the first one. It returns ErrNoPerson if nobody has the address.
func MakePlatformAdmin(ctx context.Context, s store.Store, email string) error {
	return s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		index, err := person.AccountIndex(ctx, s, tx, email)
		if err != nil {
			return err
		}
		var person uuid.UUID
		err = tx.QueryRow(ctx, makeAdmin, index).Scan(&person)
		if database.IsNoRows(err) {
			return ErrNoPerson
		}
		if err != nil {
			return fmt.Errorf("make platform admin: %w", err)
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "platform_admins:add", ResourceID: person.String(), Platform: true})
	})
}
