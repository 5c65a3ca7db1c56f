package credential

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Names of the second factors in the API.
const (
	TOTP         = "totp"
	Passkey      = "passkey"
	RecoveryCode = "recovery_code"
	Password     = "password" // the first factor, for people without a second one
)

// Factors describes a person's second factors.
type Factors struct {
	TOTP          bool
	Passkeys      int
	RecoveryCodes int // unused ones; they do not count as a factor of their own
}

const selectFactors = `
SELECT EXISTS (SELECT FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS totp,
       (SELECT count(*) FROM passkeys WHERE user_id = $1) AS passkeys,
       (SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL) AS recovery_codes`

// FactorsOf reads which second factors a person has.
func FactorsOf(ctx context.Context, db store.RowQuerier, user uuid.UUID) (f Factors, err error) {
	return f, f.scan(db.QueryRow(ctx, selectFactors, user))
}

// Read queues the query for the factors in a batch.
func (f *Factors) Read(b *pgx.Batch, user uuid.UUID) {
	b.Queue(selectFactors, user).QueryRow(f.scan)
}

func (f *Factors) scan(row pgx.Row) error {
	if err := row.Scan(&f.TOTP, &f.Passkeys, &f.RecoveryCodes); err != nil {
		return fmt.Errorf("read second factors: %w", err)
	}
	return nil
}

// Any reports whether a login needs a second factor.
func (f Factors) Any() bool { return f.TOTP || f.Passkeys > 0 }

// Methods lists the methods that can complete a login, strongest first.
func (f Factors) Methods() []string {
	methods := []string{}
	if f.Passkeys > 0 {
		methods = append(methods, Passkey)
	}
	if f.TOTP {
		methods = append(methods, TOTP)
	}
	if f.RecoveryCodes > 0 {
		methods = append(methods, RecoveryCode)
	}
	return methods
}

// LoginAnswer is the response to a correct first factor: tokens, or a request for a second
// factor.
type LoginAnswer struct {
	Tokens *session.Tokens
	Demand *SecondFactorDemand
}

// SecondFactorDemand is the response to a correct first factor of a person who has a second
// factor.
type SecondFactorDemand struct {
	MFARequired bool     `json:"mfa_required" enum:"true"`
	MFAToken    string   `json:"mfa_token" doc:"For POST /v1/users/mfa/verify. Valid for one login and a few attempts"`
	MFAMethods  []string `json:"mfa_methods" nullable:"false" enum:"passkey,totp,recovery_code"`
	ExpiresIn   int      `json:"expires_in" doc:"Lifetime of mfa_token in seconds"`
}

// MarshalJSON encodes whichever of the two is set.
func (a LoginAnswer) MarshalJSON() ([]byte, error) {
	if a.Tokens != nil {
		return json.Marshal(a.Tokens)
	}
	return json.Marshal(a.Demand)
}

// Schema implements huma.SchemaProvider.
func (LoginAnswer) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[session.Tokens](), true, ""), r.Schema(reflect.TypeFor[SecondFactorDemand](), true, ""),
	}}
}

// FirstFactor is a login whose first factor is correct, with the data that decides how it
// continues.
type FirstFactor struct {
	session.Login
	Factors        Factors
	SessionContext session.Context
}

// Read queues the queries for that data in a batch.
func (l *FirstFactor) Read(b *pgx.Batch) {
	l.Factors.Read(b, l.UserID)
	l.SessionContext.Read(b, l.Login)
}

// BeginOrChallenge begins a session or, if the person has a second factor, asks for it. Until
// the second factor is proved, there is no session and no token.
func BeginOrChallenge(ctx context.Context, s store.Store, tx *outbox.Tx, issuer *auth.Issuer, l FirstFactor) (LoginAnswer, error) {
	if !l.Factors.Any() {
		l.SessionID = uuid7.New()
		tokens, err := session.BeginWith(ctx, s, tx, issuer, l.Login, l.SessionContext)
		if err != nil {
			return LoginAnswer{}, err
		}
		return LoginAnswer{Tokens: &tokens}, session.LoggedIn(ctx, s, tx, l.Login)
	}
	token, err := newChallenge(ctx, tx, forSecondFactor, l.UserID, l.Login)
	return LoginAnswer{Demand: &SecondFactorDemand{
		MFARequired: true, MFAToken: token, MFAMethods: l.Factors.Methods(), ExpiresIn: int(ChallengeLife.Seconds()),
	}}, err
}

// A pending login is void once the password that it began with has changed or the person is
// suspended.
const (
	isPending = `
c.hash = $1 AND c.purpose = 'second_factor' AND c.attempts < $2 AND c.expires_at > now() AND u.id = c.user_id
AND u.suspended_at IS NULL AND u.password_changed_at <= c.expires_at - $3::interval`
	selectPending = `SELECT c.user_id FROM challenges c, users u WHERE ` + isPending
	countAttempt  = `
UPDATE challenges c SET attempts = c.attempts + 1 FROM users u WHERE ` + isPending + ` RETURNING c.data, c.attempts`
	endPending = `DELETE FROM challenges WHERE hash = $1`
)

// PendingLogin is a login that waits for its second factor.
type PendingLogin struct {
	session.Login
	Attempt int // counted from 1
	hash    []byte
}

// PendingUser returns the person whose pending login a token identifies, or uuid.Nil if there is
// none.
func PendingUser(ctx context.Context, s store.Store, token string) (user uuid.UUID, err error) {
	err = s.DB.QueryRow(ctx, selectPending, store.TokenHash(token), store.MaxCodeAttempts, ChallengeLife).Scan(&user)
	if err != nil && !database.IsNoRows(err) {
		return user, fmt.Errorf("look up pending login: %w", err)
	}
	return user, nil
}

// AttemptLogin counts an attempt to complete a pending login and returns the login, or nil if
// the token is unknown. The row lock serializes attempts at the same login.
func AttemptLogin(ctx context.Context, tx pgx.Tx, token string) (*PendingLogin, error) {
	p := PendingLogin{hash: store.TokenHash(token)}
	var data []byte
	err := tx.QueryRow(ctx, countAttempt, p.hash, store.MaxCodeAttempts, ChallengeLife).Scan(&data, &p.Attempt)
	if database.IsNoRows(err) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &p.Login)
	}
	if err != nil {
		return nil, fmt.Errorf("count attempt at pending login: %w", err)
	}
	return &p, nil
}

// Complete begins the session of a pending login whose second factor was proved with methods.
func Complete(ctx context.Context, s store.Store, tx *outbox.Tx, issuer *auth.Issuer, p *PendingLogin, methods []string) (session.Tokens, error) {
	if _, err := tx.Exec(ctx, endPending, p.hash); err != nil {
		return session.Tokens{}, fmt.Errorf("end pending login: %w", err)
	}
	l := p.Login
	l.Methods, l.SecondFactor = append(l.Methods, methods...), true
	return LogIn(ctx, s, tx, issuer, l)
}

// LogIn begins and records a session for a person who has proved every required factor.
func LogIn(ctx context.Context, s store.Store, tx *outbox.Tx, issuer *auth.Issuer, l session.Login) (session.Tokens, error) {
	l.SessionID = uuid7.New()
	tokens, err := session.Begin(ctx, s, tx, issuer, l)
	if err != nil {
		return session.Tokens{}, err
	}
	return tokens, session.LoggedIn(ctx, s, tx, l)
}
