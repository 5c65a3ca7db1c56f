package members

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/page"
)

const (
	selectSealed = `
SELECT m.user_id, m.role, m.status, m.created_at AS joined_at, u.wrapped_key, u.email, u.first_name, u.last_name,
       u.email_verified_at IS NOT NULL AS email_verified,
       (SELECT count(*) FROM team_members t WHERE t.user_id = m.user_id AND t.organization_id = m.organization_id) AS teams,
       EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = m.user_id AND t.confirmed_at IS NOT NULL)
    OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = m.user_id) AS second_factor
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = @organization`
	selectMember  = selectSealed + ` AND m.user_id = @user AND (@manages OR m.status <> 'requested')`
	selectMembers = selectSealed + ` AND m.user_id < @before AND (@status = '' OR m.status = @status) AND (@manages OR m.status <> 'requested') ORDER BY m.user_id DESC LIMIT @limit`
)

type sealed struct {
	UserID        uuid.UUID
	Role, Status  string
	JoinedAt      time.Time
	WrappedKey    []byte
	Teams         int
	SecondFactor  bool
	EmailVerified bool
	person.SealedName
}

// unseal decrypts a member and leaves out what the caller may not see.
func (f *Function) unseal(ctx context.Context, caller auth.Caller, s sealed) (Member, error) {
	m := Member{UserID: s.UserID, Role: s.Role, Status: s.Status, Teams: s.Teams, JoinedAt: s.JoinedAt}
	if membership.ManagesMembers(caller) {
		m.SecondFactor, m.EmailVerified = &s.SecondFactor, &s.EmailVerified
	}
	name, err := person.OpenName(ctx, f.Store, s.WrappedKey, s.SealedName)
	m.Email, m.FirstName, m.LastName = name.Email, name.FirstName, name.LastName
	return m, err
}

// List lists members and, for callers who may approve them, requests to join.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	args := pgx.NamedArgs{"organization": in.ID, "status": in.Status, "manages": membership.ManagesMembers(caller)}
	found, err := page.List(ctx, f.Store.DB, in.Query, func(s sealed) uuid.UUID { return s.UserID }, selectMembers, args)
	if err != nil {
		return nil, err
	}
	members, err := page.Map(found, func(s sealed) (Member, error) { return f.unseal(ctx, caller, s) })
	return &ListResponse{Body: members}, err
}

// Get returns one member.
func (f *Function) Get(ctx context.Context, in *Request) (*GetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	missing := fault.New(fault.NotFound, "This organization has no member with this identifier")
	args := pgx.NamedArgs{"organization": in.ID, "user": in.UserID, "manages": membership.ManagesMembers(caller)}
	found, err := database.One[sealed](ctx, f.Store.DB, missing, selectMember, args)
	if err != nil {
		return nil, err
	}
	member, err := f.unseal(ctx, caller, found)
	return &GetResponse{Body: member}, err
}
