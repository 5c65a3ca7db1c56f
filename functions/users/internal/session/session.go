// Package session begins, renews and ends sessions whenever people log in or out, and slows
// down password guessing.
package session

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
	"function/shared/uuid7"
)

const endSessionsOf = `UPDATE sessions SET ended_at = now(), end_reason = $3 WHERE user_id = $1 AND organization_id = $2 AND ended_at IS NULL`

func EndSessionsIn(ctx context.Context, tx pgx.Tx, person, organization uuid.UUID, reason string) error {
	if _, err := tx.Exec(ctx, endSessionsOf, person, organization, reason); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

const endSessions = `
UPDATE sessions SET ended_at = now(), end_reason = $3 WHERE (user_id = $1 OR impersonator_id = $1) AND id <> $2 AND ended_at IS NULL`

// EndSessions ends a person's sessions, including those in which they act as others, except
// one (uuid.Nil: all).
func EndSessions(ctx context.Context, tx pgx.Tx, person, except uuid.UUID, reason string) error {
	if _, err := tx.Exec(ctx, endSessions, person, except, reason); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// Tokens is the response to a login and a refresh (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string `json:"access_token" doc:"JWT (RFC 9068), for the Authorization header"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Lifetime of the access token in seconds"`
	RefreshToken string `json:"refresh_token" doc:"Valid for one exchange at POST /v1/users/refresh"`
}

// Bearer builds the response with a session's two tokens.
func Bearer(access, refresh string) Tokens {
	return Tokens{AccessToken: access, TokenType: "Bearer", ExpiresIn: int(auth.AccessTokenLife.Seconds()), RefreshToken: refresh}
}

// Login is a successful authentication, which begins a session.
type Login struct {
	UserID         uuid.UUID
	OrganizationID uuid.UUID
	Methods        []string // authentication methods (RFC 8176: pwd, otp, swk, hwk …)
	SecondFactor   bool     // two factors were proved
	ImpersonatorID uuid.UUID
	SessionID      uuid.UUID // of the new session; uuid.Nil: a new identifier
}

// LoginMembership joins the membership m of the user u in which a login begins. It prefers
// organizations that are not being deleted, then active memberships, then that of the newest
// session, then the oldest.
const LoginMembership = `
CROSS JOIN LATERAL (
    SELECT m.organization_id FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE m.user_id = u.id
    ORDER BY o.deleted_at IS NOT NULL, m.status <> 'active', m.organization_id IS DISTINCT FROM (
        SELECT s.organization_id FROM sessions s WHERE s.user_id = u.id AND s.impersonator_id IS NULL ORDER BY s.id DESC LIMIT 1), m.created_at
    LIMIT 1) m`

// ErrGone is returned if the person or organization was deleted while a session was being
// created. If the organization was deleted, the person has been given a new one.
var ErrGone = fault.New(fault.Unauthenticated, "The organization or account that you were logging in to no longer exists: log in again")

// Locks both rows until the session refers to them. Organizations are locked before people.
const selectContext = `
SELECT o.settings, u.wrapped_key, u.email_index, w.waits_for, CASE WHEN w.waits_for IS NULL THEN roles_of(u.id, o.id) ELSE '{}' END AS roles
FROM organizations o CROSS JOIN users u
LEFT JOIN memberships m ON m.user_id = u.id AND m.organization_id = o.id
CROSS JOIN LATERAL (SELECT waits_for(o.deleted_at, m.status, u.must_change_password, (o.settings ->> 'require_second_factor')::boolean, $3)) w
WHERE u.id = $1 AND o.id = $2 FOR KEY SHARE OF o, u`

// Context is what is read to create a person's session in an organization.
type Context struct {
	Settings, WrappedKey, EmailIndex []byte
	Roles                            []string
	WaitsFor                         *string // why there are no roles
}

// ProvedAt selects the `auth_time` of a session's tokens from published.callers: the latest
// authentication. It is NULL for an admin acting as the person, since they have not
// authenticated as that person.
const ProvedAt = `CASE WHEN impersonator_id IS NULL THEN greatest(authenticated_at, second_factor_at) END AS proved_at`

// NameOrganization reports whether tokens name the organization although something blocks
// the person in it. They do not while the membership is pending.
func NameOrganization(waitsFor *string) bool {
	return waitsFor == nil || *waitsFor == policy.BlockedBySecondFactor || *waitsFor == policy.BlockedByPassword
}

// Read queues the query of the context in a batch of the transaction that begins the
// session.
func (t *Context) Read(b *pgx.Batch, l Login) {
	b.Queue(selectContext, l.UserID, l.OrganizationID, l.SecondFactor || l.ImpersonatorID != uuid.Nil).Query(func(rows pgx.Rows) (err error) {
		*t, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Context])
		if database.IsNoRows(err) {
			return ErrGone
		}
		if err != nil {
			return fmt.Errorf("read the terms of a session: %w", err)
		}
		return nil
	})
}

const insertSession = `
INSERT INTO sessions (id, user_id, organization_id, methods, second_factor_at, device, address, country, impersonator_id, absolute_end, expires_at)
VALUES (@id, @user, @organization, @methods, CASE WHEN @second_factor THEN now() END, @device, @address, nullif(@country, ''), @impersonator,
        now() + @absolute, now() + least(@idle::interval, @absolute::interval))`

// Begin creates a session in a transaction and signs its first pair of tokens. The session
// expires at the organization's limits.
func Begin(ctx context.Context, s store.Store, tx *outbox.Tx, issuer *auth.Issuer, l Login) (Tokens, error) {
	var sessionContext Context
	var reads pgx.Batch
	sessionContext.Read(&reads, l)
	if err := tx.SendBatch(ctx, &reads).Close(); err != nil {
		return Tokens{}, err
	}
	return BeginWith(ctx, s, tx, issuer, l, sessionContext)
}

func BeginWith(ctx context.Context, s store.Store, tx *outbox.Tx, issuer *auth.Issuer, l Login, sessionContext Context) (Tokens, error) {
	limits, err := store.SettingsFrom(sessionContext.Settings)
	if err != nil {
		return Tokens{}, err
	}
	session := cmp.Or(l.SessionID, uuid7.New())
	arguments := pgx.NamedArgs{
		"id": session, "user": l.UserID, "organization": l.OrganizationID, "methods": l.Methods, "second_factor": l.SecondFactor,
		"device": nil, "address": nil, "country": "", "impersonator": nil, "absolute": limits.SessionLife(), "idle": limits.SessionIdle(),
	}
	if l.ImpersonatorID != uuid.Nil {
		arguments["impersonator"], arguments["absolute"] = l.ImpersonatorID, ImpersonationLife
	} else {
		if err := sealClient(ctx, s, sessionContext.WrappedKey, arguments); err != nil {
			return Tokens{}, err
		}
		if err := RememberSource(ctx, s, tx, l.UserID, sessionContext.EmailIndex); err != nil {
			return Tokens{}, err
		}
	}
	if err := tx.Write(ctx, insertSession, arguments); err != nil {
		return Tokens{}, fmt.Errorf("insert session: %w", err)
	}
	refresh, err := NewRefreshToken(ctx, tx, session)
	if err != nil {
		return Tokens{}, err
	}
	subject := auth.Caller{UserID: l.UserID, SessionID: session, Roles: sessionContext.Roles, ImpersonatorID: l.ImpersonatorID}
	if l.ImpersonatorID == uuid.Nil {
		subject.Subject.ProvedAt = time.Now()
	}
	if NameOrganization(sessionContext.WaitsFor) {
		subject.OrganizationID = l.OrganizationID
	}
	access, err := issuer.Issue(ctx, subject, l.Methods...)
	if err != nil {
		return Tokens{}, err
	}
	if subject.OrganizationID != uuid.Nil && l.ImpersonatorID == uuid.Nil { // an admin's impersonation is not a login of the person
		err = tx.Publish(ctx, events.UserLoggedIn{SessionID: session, UserID: l.UserID, OrganizationID: l.OrganizationID, LoggedInAt: time.Now().UTC()})
	}
	return Bearer(access, refresh), err
}

// ImpersonationLife is how long an admin may act as another person.
const ImpersonationLife = 30 * time.Minute

// Encryption contexts of a session's sealed fields.
const (
	DeviceField  = "sessions.device"
	AddressField = "sessions.address"
)

// sealClient adds the client's address and device, which only the person can read.
func sealClient(ctx context.Context, s store.Store, wrappedKey []byte, arguments pgx.NamedArgs) error {
	key, err := s.Keeper.Unwrap(ctx, wrappedKey)
	if err != nil {
		return err
	}
	from := client.From(ctx)
	if arguments["device"], err = secret.Seal(key, DeviceField, from.UserAgent); err != nil {
		return err
	}
	if from.Address.IsValid() {
		arguments["country"] = CountryOf(from.Address)
		arguments["address"], err = secret.Seal(key, AddressField, from.Address.String())
	}
	return err
}

const insertRefreshToken = `INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`

// NewRefreshToken creates a session's next refresh token and stores only its hash.
func NewRefreshToken(ctx context.Context, tx database.Writer, session uuid.UUID) (string, error) {
	token := store.NewToken()
	return token, AddRefreshToken(ctx, tx, session, token)
}

// AddRefreshToken stores a refresh token that [store.NewToken] created.
func AddRefreshToken(ctx context.Context, tx database.Writer, session uuid.UUID, token string) error {
	if err := tx.Write(ctx, insertRefreshToken, store.TokenHash(token), session); err != nil {
		return fmt.Errorf("insert refresh token: %w", err)
	}
	return nil
}
