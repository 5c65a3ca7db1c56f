package userstest

import (
	"context"
	"testing"

	"github.com/google/uuid"

	acceptinvitation "function/functions/users/accept-invitation"
	approvemember "function/functions/users/approve-member"
	"function/functions/users/explain"
	"function/functions/users/grants"
	"function/functions/users/invitations"
	"function/functions/users/login"
	lookupinvitation "function/functions/users/look-up-invitation"
	"function/functions/users/members"
	organizationsettings "function/functions/users/organization-settings"
	"function/functions/users/organizations"
	"function/functions/users/profile"
	purgeorganizations "function/functions/users/purge-organizations"
	"function/functions/users/refresh"
	"function/functions/users/register"
	rejectmember "function/functions/users/reject-member"
	rolechanges "function/functions/users/role-changes"
	"function/functions/users/roles"
	switchorganization "function/functions/users/switch-organization"
	teammembers "function/functions/users/team-members"
	"function/functions/users/teams"
	transferownership "function/functions/users/transfer-ownership"
	"function/shared/database"
	"function/shared/platformtest"
)

func MountOrganizations(t *testing.T) *platformtest.Platform {
	t.Helper()
	return platformtest.New(t,
		register.Service,
		login.Service,
		refresh.Service,
		profile.Service,
		organizations.Service,
		organizationsettings.Service,
		purgeorganizations.Service,
		members.Service,
		approvemember.Service,
		rejectmember.Service,
		transferownership.Service,
		invitations.Service,
		lookupinvitation.Service,
		acceptinvitation.Service,
		teams.Service,
		teammembers.Service,
		roles.Service,
		grants.Service,
		rolechanges.Service,
		switchorganization.Service,
		explain.Service,
	)
}

// OrganizationPath returns a path of an organization.
func OrganizationPath(organization uuid.UUID, rest string) string {
	return "/v1/organizations/" + organization.String() + rest
}

func MemberPath(organization uuid.UUID, member platformtest.Caller, rest string) string {
	return OrganizationPath(organization, "/members/"+member.UserID.String()+rest)
}

// ExecSQL runs a statement on the domain's database.
func ExecSQL(t *testing.T, p *platformtest.Platform, statement string, arguments ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

// QueryValue reads one value from the domain's database.
func QueryValue[T any](t *testing.T, p *platformtest.Platform, query string, arguments ...any) T {
	t.Helper()
	var v T
	if err := p.DB(database.Users).QueryRow(context.Background(), query, arguments...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const RoleOf = `SELECT role FROM memberships WHERE user_id = $1 AND organization_id = $2`

// NewSession begins another session of a person in an organization and returns its token, which no
// verifier has cached.
func NewSession(t *testing.T, p *platformtest.Platform, c platformtest.Caller) string {
	t.Helper()
	return p.Again(c).Token
}

func CountAudit(t *testing.T, p *platformtest.Platform, organization uuid.UUID, action, result string) int {
	t.Helper()
	return QueryValue[int](t, p, `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = $2 AND result = $3`, organization, action, result)
}

// StaleSession begins another session of a person, whose authentication is too old for sensitive
// operations.
func StaleSession(t *testing.T, p *platformtest.Platform, c platformtest.Caller) platformtest.Caller {
	t.Helper()
	c = p.Again(c)
	ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour' WHERE id = $1`, c.SessionID)
	return c
}
