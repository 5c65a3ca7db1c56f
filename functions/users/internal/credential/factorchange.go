package credential

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
)

// SecondFactors changes and checks people's second factors, and mails them about changes.
type SecondFactors struct {
	Store  store.Store
	mailer notify.Mailer
}

// OpenSecondFactors opens the store and the mailer.
func OpenSecondFactors(ctx context.Context, env *function.Env) (SecondFactors, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return SecondFactors{}, err
	}
	mailer, err := notify.NewMailer(store, env)
	return SecondFactors{store, mailer}, err
}

// FactorChange describes a change that a person makes to their own second factors, for the audit
// trail and the notification.
type FactorChange struct {
	Action     string
	ResourceID string
	Notice     func(notify.Mailer, string) mail.Message // the notification; nil: none
}

const (
	lockFactors        = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	selectOrganization = `SELECT organization_id FROM sessions WHERE id = $1`
	selectRequired     = `
SELECT EXISTS (SELECT FROM memberships m JOIN organizations o ON o.id = m.organization_id
               WHERE m.user_id = $1 AND m.status = 'active' AND o.deleted_at IS NULL AND (o.settings ->> 'require_second_factor')::boolean)`
	markSession = `
UPDATE sessions SET second_factor_at = coalesce(second_factor_at, now()),
       methods = methods || ARRAY(SELECT unnest($2::text[]) EXCEPT SELECT unnest(methods))
WHERE id = $1`
	unmarkSessions = `UPDATE sessions SET second_factor_at = NULL WHERE user_id = $1 AND second_factor_at IS NOT NULL`
)

// ChangeFactors runs a change of the caller's second factors. It locks the account, so that
// changes run one at a time, and notifies the person of a successful change. The audit trail
// records successful and refused changes.
func (s SecondFactors) ChangeFactors(ctx context.Context, caller auth.Caller, c FactorChange, change func(*outbox.Tx) error) error {
	organization, err := organizationOf(ctx, s.Store.DB, caller)
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: c.Action, ResourceID: c.ResourceID, OrganizationID: organization}
	err = s.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, lockFactors, caller.UserID); err != nil {
			return fmt.Errorf("lock user %s: %w", caller.UserID, err)
		}
		if err := change(tx); err != nil {
			return err
		}
		if c.Notice != nil {
			letter := func(to string) mail.Message { return c.Notice(s.mailer, to) }
			if err := s.mailer.Notify(ctx, tx, caller.UserID, letter); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return act.Refused(ctx, s.Store.DB, entry, err)
	}
	return nil
}

// organizationOf is the organization in whose trail the caller's change belongs: that
// of the session, whether or not the caller's roles there count yet.
func organizationOf(ctx context.Context, db store.RowQuerier, caller auth.Caller) (id uuid.UUID, err error) {
	if caller.OrganizationID != uuid.Nil || caller.SessionID == uuid.Nil {
		return caller.OrganizationID, nil
	}
	if err := db.QueryRow(ctx, selectOrganization, caller.SessionID).Scan(&id); err != nil {
		return id, fmt.Errorf("read organization of session: %w", err)
	}
	return id, nil
}

// CompleteEnrolment completes the enrolment of a factor: the session counts as authenticated with
// it, and a person without recovery codes gets new ones.
func (s SecondFactors) CompleteEnrolment(ctx context.Context, tx pgx.Tx, caller auth.Caller, methods []string) (codes []string, err error) {
	if _, err := tx.Exec(ctx, markSession, caller.SessionID, methods); err != nil {
		return nil, fmt.Errorf("mark session: %w", err)
	}
	factors, err := FactorsOf(ctx, tx, caller.UserID)
	if err != nil || factors.RecoveryCodes > 0 {
		return nil, err
	}
	return ReplaceRecoveryCodes(ctx, s.Store, tx, caller.UserID)
}

// CompleteRemoval completes the removal of a factor. It refuses to remove the last one while one of
// the person's organizations requires a second factor.
func (s SecondFactors) CompleteRemoval(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	factors, err := FactorsOf(ctx, tx, user)
	if err != nil || factors.Any() {
		return err
	}
	required, err := SecondFactorRequired(ctx, tx, user)
	if err != nil {
		return err
	}
	if required {
		return fault.New(fault.Conflict, "An organization that you belong to requires a second factor: enrol another one before you remove this one")
	}
	if _, err := tx.Exec(ctx, deleteRecoveryCodes, user); err != nil {
		return fmt.Errorf("delete recovery codes: %w", err)
	}
	if _, err := tx.Exec(ctx, unmarkSessions, user); err != nil {
		return fmt.Errorf("unmark sessions: %w", err)
	}
	return nil
}

// SecondFactorRequired tells whether an organization that a person belongs to demands one.
func SecondFactorRequired(ctx context.Context, db store.RowQuerier, user uuid.UUID) (required bool, err error) {
	if err := db.QueryRow(ctx, selectRequired, user).Scan(&required); err != nil {
		return false, fmt.Errorf("read whether user %s needs a second factor: %w", user, err)
	}
	return required, nil
}
