// Package login begins a session or, for a person who has a second factor, asks for it: POST
// /v1/users/login.
package login

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-login", "/v1/users/login", "Log in", policy.Public).
	Sensitive().Fails(fault.Unauthenticated, fault.Forbidden, fault.Unavailable).
	Describe("After several consecutive failures, attempts are delayed for the account, the network address, or both. The 429 response says how long."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the address and the password.
type Request struct {
	Body struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" maxLength:"256"`
	}
}

// Response contains the session's first pair of tokens, or the request for a second factor.
type Response struct{ Body credential.LoginAnswer }

// Function begins sessions.
type Function struct {
	credential.Passwords
	guard  session.Guard
	issuer *auth.Issuer
	mailer notify.Mailer
}

// New opens the store, the token issuer and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passwords, err := credential.OpenPasswords(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(passwords.Store, env)
	return &Function{passwords, session.NewGuard(passwords.Store, env), session.NewIssuer(passwords.Store, env), mailer}, err
}

const (
	selectCredentials = `
SELECT coalesce(u.password_hash, '') AS password_hash, u.suspended_at IS NOT NULL AS suspended, u.id AS user_id, m.organization_id
FROM users u` + session.LoginMembership + ` WHERE u.email_index = $1`
	// selectNeighbour selects the hash to verify if the address has no account. Blind indexes
	// are random, so the hash of the next account is likely to have the parameters that this
	// account's hash would have. Repeated attempts mostly select the same hash.
	selectNeighbour = `
SELECT password_hash FROM (SELECT email_index, password_hash FROM users WHERE email_index > $1 ORDER BY email_index LIMIT 20) n
WHERE password_hash IS NOT NULL ORDER BY email_index LIMIT 1`
)

// Organizations are locked before people, as everywhere. Otherwise a concurrent erasure could
// hold the organization that the session needs while it waits for the person.
const lockOrganization = `SELECT FROM organizations WHERE id = $1 FOR KEY SHARE`

type credentials struct {
	PasswordHash           string
	Suspended              bool
	UserID, OrganizationID uuid.UUID
}

// Handle checks the password and begins a session. For an unknown address the response and its
// timing are the same as for a wrong password (OWASP Authentication). The time is that of
// verifying the hash of some other account, since the hashes of people who have not logged in
// since the parameters changed have other parameters.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	index, err := person.AccountIndex(ctx, f.Store, f.Store.DB, in.Body.Email)
	if err != nil {
		return nil, err
	}
	attempt := f.guard.NewAttempt(ctx, index)
	known, err := f.read(ctx, index, attempt)
	if err != nil {
		return nil, err
	}
	attempt.SetUser(known.UserID)
	if err := attempt.Allowed(ctx); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, attempt.Entry(known.OrganizationID), err)
	}
	ok, err := f.Hasher.Verify(ctx, in.Body.Password, known.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, attempt.Failed(ctx, f.mailer, known.OrganizationID)
	}
	if known.Suspended {
		return nil, f.suspended(ctx, attempt.Entry(known.OrganizationID))
	}
	rehashed, err := f.rehash(ctx, in.Body.Password, known.PasswordHash)
	if err != nil {
		return nil, err
	}
	if err := f.issuer.Ready(ctx); err != nil {
		return nil, err
	}
	login := credential.FirstFactor{Login: session.Login{
		UserID: known.UserID, OrganizationID: known.OrganizationID, Methods: []string{"pwd"},
	}}
	prove := func(b *pgx.Batch) {
		b.Queue(lockOrganization, known.OrganizationID)
		attempt.Succeeded(b, known.PasswordHash, rehashed)
		login.Read(b)
	}
	var answer credential.LoginAnswer
	err = f.Store.DB.TransactFrom(ctx, prove, func(tx *outbox.Tx) (err error) {
		answer, err = credential.BeginOrChallenge(ctx, f.Store, tx, f.issuer, login)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	return &Response{Body: answer}, nil
}

// read looks up the account, if there is one, and the failures before this attempt. For an
// account without a password it returns a hash that no password matches.
func (f *Function) read(ctx context.Context, index []byte, attempt *session.Attempt) (known credentials, err error) {
	var neighbour string
	var reads pgx.Batch
	reads.Queue(selectCredentials, index).Query(func(rows pgx.Rows) (err error) {
		known, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[credentials])
		if err != nil && !database.IsNoRows(err) {
			return fmt.Errorf("look up account: %w", err)
		}
		return nil
	})
	reads.Queue(selectNeighbour, index).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&neighbour); err != nil && !database.IsNoRows(err) {
			return fmt.Errorf("look up parameters of hashes: %w", err)
		}
		return nil
	})
	attempt.Read(&reads)
	if err := f.Store.DB.SendBatch(ctx, &reads).Close(); err != nil {
		return known, err
	}
	if known.PasswordHash == "" {
		known.PasswordHash = f.Hasher.Decoy(neighbour)
	}
	return known, nil
}

func (f *Function) suspended(ctx context.Context, entry audit.Entry) error {
	entry.Refused = "suspended"
	if err := session.LoginRefused(ctx, f.Store, entry); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "This account is suspended. Ask a platform administrator.")
}

// rehash returns a new hash of a password whose stored hash has outdated parameters, or an empty
// string if it is up to date.
func (f *Function) rehash(ctx context.Context, password, stored string) (string, error) {
	if !f.Hasher.Outdated(stored) {
		return "", nil
	}
	return f.Hasher.Hash(ctx, password)
}
