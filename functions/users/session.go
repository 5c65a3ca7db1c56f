package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// Tokens is what a login and a refresh answer (RFC 6749 §5.1).
type Tokens struct {
	AccessToken  string `json:"access_token" doc:"JWT (RFC 9068), for the Authorization header"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds that the access token is good for"`
	RefreshToken string `json:"refresh_token" doc:"Good for one exchange at POST /v1/users/refresh"`
}

// Bearer puts the two tokens of a session into their answer.
func Bearer(access, refresh string) Tokens {
	return Tokens{AccessToken: access, TokenType: "Bearer", ExpiresIn: int(auth.AccessTokenLife.Seconds()), RefreshToken: refresh}
}

// Login is a proof of who a person is, which begins a session.
type Login struct {
	UserID         uuid.UUID
	OrganizationID uuid.UUID
	Active         bool     // as a member; a membership may only be requested
	Methods        []string // of the proof (RFC 8176: pwd, otp, swk, hwk …)
	SecondFactor   bool     // the proof was of two factors
	ImpersonatorID uuid.UUID
}

// ErrGone answers for a person or an organization that was deleted while a session was
// to begin. Who is left without an organization has been given one since.
var ErrGone = fault.New(fault.Unauthenticated, "What you were logging in to does not exist any more: log in again")

// Both stay until the session refers to them. Organizations are locked before people.
const selectTerms = `
SELECT o.settings, u.wrapped_key, CASE WHEN $3 THEN roles_of(u.id, o.id) ELSE '{}' END AS roles
FROM organizations o, users u WHERE u.id = $1 AND o.id = $2 FOR KEY SHARE OF o, u`

// Terms are what a session of a person in an organization is made with.
type Terms struct {
	Settings, WrappedKey []byte
	Roles                []string
}

// Read reads the terms with a batch, whose transaction begins the session.
func (t *Terms) Read(b *pgx.Batch, l Login) {
	b.Queue(selectTerms, l.UserID, l.OrganizationID, l.Active).Query(func(rows pgx.Rows) (err error) {
		*t, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[Terms])
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
INSERT INTO sessions (id, user_id, organization_id, methods, second_factor_at, device, address, address_index, country, impersonator_id, absolute_end, expires_at)
VALUES (@id, @user, @organization, @methods, CASE WHEN @second_factor THEN now() END, @device, @address, @address_index, nullif(@country, ''), @impersonator,
        now() + @absolute, now() + least(@idle::interval, @absolute::interval))`

// Begin begins a session in a transaction, and signs its first pair of tokens. The
// session ends by itself at the organization's limits.
func (s Store) Begin(ctx context.Context, tx *outbox.Tx, issuer *auth.Issuer, l Login) (Tokens, error) {
	var terms Terms
	var reads pgx.Batch
	terms.Read(&reads, l)
	if err := tx.SendBatch(ctx, &reads).Close(); err != nil {
		return Tokens{}, err
	}
	return s.begin(ctx, tx, issuer, l, terms)
}

func (s Store) begin(ctx context.Context, tx *outbox.Tx, issuer *auth.Issuer, l Login, terms Terms) (Tokens, error) {
	limits, err := settingsFrom(terms.Settings)
	if err != nil {
		return Tokens{}, err
	}
	session := uuid7.New()
	arguments := pgx.NamedArgs{
		"id": session, "user": l.UserID, "organization": l.OrganizationID, "methods": l.Methods, "second_factor": l.SecondFactor,
		"device": nil, "address": nil, "address_index": nil, "country": "", "impersonator": nil, "absolute": limits.SessionLife(), "idle": limits.SessionIdle(),
	}
	if l.ImpersonatorID != uuid.Nil {
		arguments["impersonator"], arguments["absolute"] = l.ImpersonatorID, ImpersonationLife
	} else if err := s.sealClient(ctx, l.UserID, terms.WrappedKey, arguments); err != nil {
		return Tokens{}, err
	}
	if err := tx.Write(ctx, insertSession, arguments); err != nil {
		return Tokens{}, fmt.Errorf("insert session: %w", err)
	}
	refresh, err := NewRefreshToken(ctx, tx, session)
	if err != nil {
		return Tokens{}, err
	}
	speaksOf := auth.Caller{UserID: l.UserID, SessionID: session, Roles: terms.Roles, ImpersonatorID: l.ImpersonatorID}
	if l.Active {
		speaksOf.OrganizationID = l.OrganizationID
	}
	access, err := issuer.Issue(ctx, speaksOf, l.Methods...)
	if err != nil {
		return Tokens{}, err
	}
	if l.Active && l.ImpersonatorID == uuid.Nil { // it is no login of the person's
		err = tx.Publish(ctx, events.UserLoggedIn{SessionID: session, UserID: l.UserID, OrganizationID: l.OrganizationID, LoggedInAt: time.Now().UTC()})
	}
	return Bearer(access, refresh), err
}

// ImpersonationLife is how long an admin may act as another person.
const ImpersonationLife = 30 * time.Minute

// The contexts of a session's sealed fields.
const (
	DeviceField  = "sessions.device"
	AddressField = "sessions.address"
)

// sealClient adds from where the session comes, for the person's own eyes.
func (s Store) sealClient(ctx context.Context, user uuid.UUID, wrappedKey []byte, arguments pgx.NamedArgs) error {
	key, err := s.Keeper.Unwrap(ctx, wrappedKey)
	if err != nil {
		return err
	}
	from := client.From(ctx)
	if arguments["device"], err = secret.Seal(key, DeviceField, from.UserAgent); err != nil {
		return err
	}
	if from.Address.IsValid() {
		arguments["address_index"], arguments["country"] = AddressIndex(s.Keeper, user, from.Address), CountryOf(from.Address)
		arguments["address"], err = secret.Seal(key, AddressField, from.Address.String())
	}
	return err
}

const insertRefreshToken = `INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)`

// NewRefreshToken gives a session a refresh token, of which only the hash is stored.
func NewRefreshToken(ctx context.Context, tx database.Writer, session uuid.UUID) (string, error) {
	token := NewToken()
	if err := tx.Write(ctx, insertRefreshToken, TokenHash(token), session); err != nil {
		return "", fmt.Errorf("insert refresh token: %w", err)
	}
	return token, nil
}

// NewToken makes a token that nobody can guess: 256 random bits in base64url.
func NewToken() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TokenHash is how a token of [NewToken] is stored: it is random enough that a
// plain SHA-256 protects it.
func TokenHash(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}
