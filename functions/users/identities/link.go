package identities

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/uuid7"
)

const (
	insertIdentity = `
INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES ($1, $2, $3, $4) RETURNING id, issuer, created_at`
	lockPerson      = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	countIdentities = `SELECT count(*) FROM external_identities WHERE user_id = $1`
)

// maxIdentities limits the linked logins of one person.
const maxIdentities = 20

var (
	errToken   = fault.At("body.token", "the token is not valid, has expired, or comes from an issuer that this platform does not trust")
	errTooMany = fault.New(fault.Conflict, "You already have %d linked logins: unlink one first", maxIdentities)
)

// Link links the subject of a token to the caller's account.
func (f *Function) Link(ctx context.Context, in *LinkRequest) (*LinkResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	identity, err := f.verifier.Identify(ctx, in.Body.Token)
	if e, ok := fault.As(err); ok && e.Kind == fault.Unauthenticated {
		return nil, act.Refused(ctx, f.store.DB, audit.Entry{Action: "identities:link"}, errToken)
	}
	if err != nil {
		return nil, err
	}
	var out LinkResponse
	entry := audit.Entry{Action: "identities:link", Detail: map[string]any{"issuer": identity.Issuer}}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		var linked int
		if err := tx.QueryRow(ctx, countIdentities, caller.UserID).Scan(&linked); err != nil {
			return fmt.Errorf("count identities: %w", err)
		}
		if linked >= maxIdentities {
			return errTooMany
		}
		if out.Body, err = database.One[Identity](ctx, tx, pgx.ErrNoRows, insertIdentity, uuid7.New(), identity.Issuer, identity.SubjectIndex, caller.UserID); err != nil {
			return fmt.Errorf("link identity: %w", err)
		}
		entry.ResourceID = out.Body.ID.String()
		return f.mailer.Notify(ctx, tx, caller.UserID, func(to string) mail.Message {
			return f.mailer.IdentityLinked(to, identity.Issuer)
		})
	})
	return &out, err
}
