package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"function/shared/policy"
)

const selectCallers = `
SELECT session_id, user_id, organization_id, methods, authenticated_at, second_factor_at, impersonator_id, alive, platform_admin,
       has_second_factor, waits_for, must_change_password, roles, permissions, teams
FROM published.callers WHERE session_id = ANY ($1)`

type session struct {
	SessionID, UserID    uuid.UUID
	OrganizationID       uuid.UUID
	Methods              []string
	AuthenticatedAt      time.Time
	SecondFactorAt       *time.Time
	ImpersonatorID       *uuid.UUID
	Alive, PlatformAdmin bool
	HasSecondFactor      bool
	WaitsFor             *string
	MustChangePassword   bool
	Roles                []string
	Permissions          []policy.Permission
	Teams                []uuid.UUID
}

// session returns the holder of a live session, after waiting for its lookup.
func (v *Verifier) session(ctx context.Context, w who) (Caller, error) {
	wanted := v.want(uuid.UUID(w.id[:16]))
	select {
	case <-wanted.done:
		return wanted.caller, wanted.err
	case <-ctx.Done():
		return Caller{}, fmt.Errorf("look up session: %w", ctx.Err())
	}
}

// Forget makes the next check of a session query the database. A refused caller may have gained
// access a moment ago, by a fresh proof or a new role.
func (v *Verifier) Forget(session uuid.UUID) { v.callers.drop(bySessionID(session)) }

func (v *Verifier) callerOf(s session) Caller {
	c := Caller{
		Kind: Person, UserID: s.UserID, SessionID: s.SessionID, Methods: s.Methods, Roles: s.Roles, Teams: s.Teams, SecondFactor: s.HasSecondFactor,
		Subject: policy.Subject{Roles: s.Roles, CustomPermissions: s.Permissions, ProvedAt: s.provedAt()},
	}
	if s.WaitsFor == nil {
		c.OrganizationID = s.OrganizationID
	} else {
		c.Subject.BlockedBy = *s.WaitsFor
	}
	if s.MustChangePassword { // takes precedence over what the organization requires
		c.Subject.BlockedBy = policy.BlockedByPassword
	}
	if s.ImpersonatorID != nil {
		c.ImpersonatorID, c.Subject.Impersonated = *s.ImpersonatorID, true
	} else if s.PlatformAdmin {
		c.Subject = v.administering(c.Subject, s.SecondFactorAt != nil)
	}
	return c
}

// administering adds the platform admin role unless the account has to do something first. A
// pending step in an organization alone does not matter.
func (v *Verifier) administering(s policy.Subject, twoFactors bool) policy.Subject {
	switch {
	case s.BlockedBy == policy.BlockedByPassword, s.BlockedBy == policy.BlockedBySecondFactor:
		s.AdminBlockedBy = s.BlockedBy
	case v.AdminsNeedSecondFactor && !twoFactors:
		s.AdminBlockedBy = policy.BlockedByAdminFactor
	default:
		s.Roles = append(slices.Clone(s.Roles), policy.PlatformAdmin)
	}
	return s
}

// provedAt returns when the person last gave a fresh proof. It is zero for an impersonated session,
// since only the person can give one.
func (s session) provedAt() time.Time {
	switch {
	case s.ImpersonatorID != nil:
		return time.Time{}
	case s.SecondFactorAt != nil:
		return *s.SecondFactorAt
	case s.HasSecondFactor:
		return time.Time{}
	}
	return s.AuthenticatedAt
}
