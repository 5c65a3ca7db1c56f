// Package sendnotice mails notices that another domain requests, since only the users domain
// knows addresses. It runs on each such request.
package sendnotice

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Subscriber("users-send-notice", New).
	Uses(function.Owns(database.Users), function.Keys)

// Function sends notices.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

// Former and suspended members get no notices about the organization.
const selectRecipients = `
SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = $1 AND m.status = 'active' AND u.suspended_at IS NULL AND (m.user_id = $2 OR m.role = $3)
ORDER BY m.user_id`

// recipientRoles are the roles that only a few members of an organization have.
var recipientRoles = []string{policy.Owner, policy.Admin, policy.ComplianceOfficer}

// Handle queues a mail to each recipient, once per event.
func (f *Function) Handle(ctx context.Context, e events.Received[events.NoticeRequested]) error {
	write, err := notify.Notice(e.Data.Notice, e.Data.Params)
	if err != nil {
		return err
	}
	if toPerson := e.Data.UserID != uuid.Nil; toPerson == (e.Data.Role != "") || !toPerson && !slices.Contains(recipientRoles, e.Data.Role) {
		return fault.New(fault.Invalid, "A notice must go to one member or to the owners, admins or compliance officers of an organization")
	}
	err = outbox.Once(ctx, f.store.DB, e, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, selectRecipients, e.Data.OrganizationID, e.Data.UserID, e.Data.Role)
		recipients, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return fmt.Errorf("list recipients: %w", err)
		}
		for _, recipient := range recipients {
			if err := f.mailer.Notify(ctx, tx, recipient, write); err != nil && !errors.Is(err, person.ErrErased) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("send notice: %w", err)
	}
	return nil
}
