package person

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
)

// Profile is a person's account, membership in an organization and free part.
type Profile struct {
	Account
	EmailVerified    bool   `json:"email_verified" doc:"The person has proved that the address is theirs"`
	Role             string `json:"role"`
	MembershipStatus string `json:"membership_status" enum:"requested,active,suspended"`
	Extras
}

// StoredProfile is a profile as stored in the database.
type StoredProfile struct {
	Profile
	Key      []byte     // the person's own
	Revision int64      // how often the person has changed it
	Document *uuid.UUID // the free part
}

// ETag is the entity tag of the revision shown (RFC 9110 §8.8.3).
func (p StoredProfile) ETag() string { return strconv.Quote(strconv.FormatInt(p.Revision, 10)) }

const (
	profileColumns = `
SELECT u.id, u.wrapped_key, u.email, u.first_name, u.last_name, u.created_at, u.profile_revision, u.profile_document,
       u.email_verified_at IS NOT NULL AS email_verified,
       m.organization_id, m.role, m.status, d.body `
	selectProfile = profileColumns + `
FROM sessions s
JOIN users u ON u.id = s.user_id
JOIN memberships m ON m.user_id = s.user_id AND m.organization_id = s.organization_id
LEFT JOIN documents d ON d.collection = 'profiles' AND d.id = u.profile_document
WHERE s.id = $1`
	// A person with another issuer's token may not act in an organization yet: show their first
	// membership then.
	selectWithoutSession = profileColumns + `
FROM users u
JOIN memberships m ON m.user_id = u.id
LEFT JOIN documents d ON d.collection = 'profiles' AND d.id = u.profile_document
WHERE u.id = $1 ORDER BY m.organization_id = $2 DESC, m.created_at LIMIT 1`
)

type profileRow struct {
	ID              uuid.UUID
	WrappedKey      []byte
	CreatedAt       time.Time
	ProfileRevision int64
	ProfileDocument *uuid.UUID
	OrganizationID  uuid.UUID
	Role, Status    string
	EmailVerified   bool
	Body            []byte
	SealedName
}

var errNoMember = fault.New(fault.Forbidden, "You are no longer a member of this organization: switch to another one (POST /v1/users/sessions/organization)")

// Read unseals the caller's profile. It takes one query, and a second one if MongoDB stores
// the free part.
func (p Profiles) Read(ctx context.Context, s store.Store, db database.Querier, caller auth.Caller) (StoredProfile, error) {
	statement, arguments := selectProfile, []any{caller.SessionID}
	if caller.SessionID == uuid.Nil {
		statement, arguments = selectWithoutSession, []any{caller.UserID, caller.OrganizationID}
	}
	var row profileRow
	body, err := p.Body(ctx, func() (body []byte, document *uuid.UUID, err error) {
		row, err = database.One[profileRow](ctx, db, errNoMember, statement, arguments...)
		return row.Body, row.ProfileDocument, err
	})
	if err != nil {
		return StoredProfile{}, err
	}
	row.Body = body
	return p.open(ctx, s, row)
}

func (p Profiles) open(ctx context.Context, s store.Store, row profileRow) (StoredProfile, error) {
	key, err := s.Keeper.Unwrap(ctx, row.WrappedKey)
	if err != nil {
		return StoredProfile{}, err
	}
	name, err := row.SealedName.Open(key)
	if err != nil {
		return StoredProfile{}, err
	}
	free, err := p.Open(key, row.Body)
	return StoredProfile{
		Profile: Profile{
			Account: Account{
				ID: row.ID, Email: name.Email, FirstName: name.FirstName, LastName: name.LastName,
				OrganizationID: row.OrganizationID, CreatedAt: row.CreatedAt.UTC(),
			},
			EmailVerified: row.EmailVerified, Role: row.Role, MembershipStatus: row.Status, Extras: free,
		},
		Key: key, Revision: row.ProfileRevision, Document: row.ProfileDocument,
	}, err
}
