// Package users holds the words and SQL that the functions of the users domain
// share: accounts, memberships, sessions and their tokens.
package users

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/ratelimit"
	"function/shared/secret"
)

// Account is a person's account, as the person sees it.
type Account struct {
	ID             uuid.UUID `json:"id" format:"uuid"`
	Email          string    `json:"email" format:"email"`
	FirstName      string    `json:"first_name"`
	LastName       string    `json:"last_name"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	CreatedAt      time.Time `json:"created_at"`
}

// The states of a membership: a person asks to join an organization, and somebody
// who may lets the person in.
const (
	MembershipRequested = "requested"
	MembershipActive    = "active"
	MembershipSuspended = "suspended"
)

// Membership ties a person to an organization.
type Membership struct {
	UserID         uuid.UUID `json:"user_id" format:"uuid"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role" doc:"Built in: owner, admin, compliance_officer, member, analyst, viewer; or one of the organization's own"`
	Status         string    `json:"status" enum:"requested,active,suspended"`
}

// Store is what every function of this domain opens.
type Store struct {
	DB     *outbox.DB
	Keeper *secret.Keeper
	Hasher *password.Hasher
	floor  int             // characters of a new password, whatever an organization demands
	seen   *password.Range // knows breached passwords; nil: nobody is asked
	locked *metrics.Tally  // logins refused unseen
	atOnce ratelimit.Limit // of tries at an account
}

// Open opens the domain's database and the platform's key.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Users)
	if err != nil {
		return Store{}, err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return Store{}, err
	}
	hasher, err := env.Hasher()
	if err != nil {
		return Store{}, err
	}
	floor, err := PasswordFloor(env.Config)
	if err != nil {
		return Store{}, err
	}
	s := Store{DB: db, Keeper: keeper, Hasher: hasher, floor: floor, locked: new(metrics.Tally)}
	if s.atOnce = env.Config.RateLimits.Account; !s.atOnce.On() {
		s.atOnce = ratelimit.Default.Account // what can be guessed at once stays bounded
	}
	if env.Config.PasswordRangeURL != "" {
		s.seen = password.NewRange(env.Config.PasswordRangeURL)
	}
	s.keepTallies(env)
	return s, nil
}

// Issuer signs the domain's access tokens.
func (s Store) Issuer(env *function.Env) *auth.Issuer {
	return auth.NewIssuer(s.DB.Pool, s.Keeper, env.Config.TokenIssuer, env.Config.TokenAudience)
}
