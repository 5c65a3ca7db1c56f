// Package notify writes and queues the mail of the users domain, and creates and checks the
// tokens in it.
package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

var MailsPerAddress = store.Allowance{Burst: 3, Every: 20 * time.Minute}

var warningsPerPerson = store.Allowance{Burst: 1, Every: time.Hour}

// MayMail limits mails of a kind that anybody can request for any address, per
// [person.EmailIndex]. The requester is not told when the limit is reached, so that nobody
// can flood a mailbox or learn that one was mailed.
func MayMail(ctx context.Context, s store.Store, tx store.RowQuerier, kind Purpose, emailIndex []byte) (bool, error) {
	return MailsPerAddress.Take(ctx, tx, s.Keeper.BlindIndex("mail."+string(kind), string(emailIndex)))
}

// MayWarn limits the mails that tell a person that somebody is guessing their second factor,
// so that guessing does not flood their mailbox.
func MayWarn(ctx context.Context, s store.Store, tx store.RowQuerier, user uuid.UUID) (bool, error) {
	return warningsPerPerson.Take(ctx, tx, s.Keeper.BlindIndex("mail.second_factor_guessed", user.String()))
}

// Purpose is the only thing that a mailed token can be used for.
type Purpose string

// The purposes of mailed tokens.
const (
	PasswordReset     Purpose = "password_reset"
	EmailVerification Purpose = "email_verification"
	EmailChange       Purpose = "email_change"
	AccountUnlock     Purpose = "unlock"
	Registration      Purpose = "registration" // stored in registrations, since there is no account yet
	InvitationToken   Purpose = "invitation"   // stored in invitations
)

var tokenLife = map[Purpose]time.Duration{
	PasswordReset: time.Hour, EmailVerification: 24 * time.Hour, EmailChange: time.Hour, AccountUnlock: 24 * time.Hour,
}

// RegistrationLife is how long a registration can be confirmed.
const RegistrationLife = 24 * time.Hour

// NewAddressField is the encryption context of the new address in a mailed token.
const NewAddressField = "mailed_tokens.email"

const (
	voidMailedTokens  = `UPDATE mailed_tokens SET used_at = now() WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL`
	insertMailedToken = `
INSERT INTO mailed_tokens (hash, purpose, user_id, email, expires_at) VALUES ($1, $2, $3, $4, now() + $5::interval)`
)

// NewMailedToken creates a token for a person, stores only its hash, and returns it with the
// person's current address. It voids the person's earlier tokens of the same purpose: requesting
// again replaces the first request. newAddress, only set for EmailChange, is sealed with the
// person's key.
//
// The address is read under the person's lock, which keeps it unchanged until the transaction
// ends, so that no token goes to an address that the person has just given up
// ([CancelMailedTokens]). Using a token takes the same lock first.
func NewMailedToken(ctx context.Context, s store.Store, tx pgx.Tx, purpose Purpose, user uuid.UUID, newAddress []byte) (token, address string, err error) {
	return newMailedToken(ctx, s, tx, purpose, user, newAddress, tokenLife[purpose])
}

func newMailedToken(ctx context.Context, s store.Store, tx pgx.Tx, purpose Purpose, user uuid.UUID, newAddress []byte, life time.Duration) (token, address string, err error) {
	token = store.NewToken()
	if err := store.LockPerson(ctx, tx, user); err != nil {
		return "", "", err
	}
	if _, err := tx.Exec(ctx, voidMailedTokens, user, purpose); err != nil {
		return "", "", fmt.Errorf("void earlier mailed tokens: %w", err)
	}
	if _, err := tx.Exec(ctx, insertMailedToken, store.TokenHash(token), purpose, user, newAddress, life); err != nil {
		return "", "", fmt.Errorf("insert mailed token: %w", err)
	}
	name, err := person.NameOf(ctx, s, tx, user)
	return token, name.Email, err
}

// MailVerification mails a person a token that verifies their address, within the limit of
// [MayMail].
func MailVerification(ctx context.Context, s store.Store, tx *outbox.Tx, mailer Mailer, user uuid.UUID, emailIndex []byte) error {
	if !mailer.Sends() {
		return nil
	}
	may, err := MayMail(ctx, s, tx, EmailVerification, emailIndex)
	if err != nil || !may {
		return err
	}
	token, address, err := NewMailedToken(ctx, s, tx, EmailVerification, user, nil)
	if err != nil {
		return err
	}
	return mailer.Queue(ctx, tx, user, mailer.VerifyEmail(address, token))
}

const useMailedToken = `
UPDATE mailed_tokens SET used_at = now()
WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()
RETURNING user_id, email`

// ErrMailedToken is returned for every token that is unknown, expired or already used.
var ErrMailedToken = fault.At("body.token", "this link has expired or was already used: request a new one")

// UseMailedToken consumes a token within the transaction that it authorizes. Of two
// concurrent uses the second waits and finds the token used. It locks the person.
func UseMailedToken(ctx context.Context, tx pgx.Tx, purpose Purpose, token string) (user uuid.UUID, newAddress []byte, err error) {
	if user, err = PeekMailedToken(ctx, tx, purpose, token); err != nil {
		return user, nil, err
	}
	if err := store.LockPerson(ctx, tx, user); err != nil {
		return user, nil, err
	}
	err = tx.QueryRow(ctx, useMailedToken, store.TokenHash(token), purpose).Scan(&user, &newAddress)
	return user, newAddress, tokenError(err)
}

const peekMailedToken = `
SELECT user_id FROM mailed_tokens WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()`

// PeekMailedToken returns the owner of a token without consuming it.
func PeekMailedToken(ctx context.Context, db store.RowQuerier, purpose Purpose, token string) (user uuid.UUID, err error) {
	err = db.QueryRow(ctx, peekMailedToken, store.TokenHash(token), purpose).Scan(&user)
	return user, tokenError(err)
}

const cancelMailedTokens = `UPDATE mailed_tokens SET used_at = now() WHERE user_id = $1 AND used_at IS NULL`

// CancelMailedTokens voids all tokens of a person, because the address or password that they
// rest on has changed.
func CancelMailedTokens(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, cancelMailedTokens, user); err != nil {
		return fmt.Errorf("cancel mailed tokens: %w", err)
	}
	return nil
}

func tokenError(err error) error {
	if database.IsNoRows(err) {
		return ErrMailedToken
	}
	if err != nil {
		return fmt.Errorf("look up mailed token: %w", err)
	}
	return nil
}
