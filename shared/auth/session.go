package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/policy"
)

// seen is a live session, as it was when it was asked for.
type seen struct {
	caller Caller
	asked  time.Time
}

const selectCaller = `
SELECT user_id, organization_id, methods, authenticated_at, second_factor_at, impersonator_id, alive, platform_admin,
       has_second_factor, waits_for, roles, permissions
FROM published.callers WHERE session_id = $1`

type session struct {
	UserID, OrganizationID uuid.UUID
	Methods                []string
	AuthenticatedAt        time.Time
	SecondFactorAt         *time.Time
	ImpersonatorID         *uuid.UUID
	Alive, PlatformAdmin   bool
	HasSecondFactor        bool
	WaitsFor               *string
	Roles                  []string
	Permissions            []policy.Permission
}

// caller is who a live session belongs to, remembered for a moment.
func (v *Verifier) caller(ctx context.Context, id uuid.UUID) (Caller, error) {
	v.mu.Lock()
	known, ok := v.sessions[id]
	v.mu.Unlock()
	if ok && time.Since(known.asked) < sessionMemory {
		return known.caller, nil
	}
	asked := time.Now()
	rows, _ := v.db.Query(ctx, selectCaller, id)
	s, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[session])
	if err != nil && !database.IsNoRows(err) {
		return Caller{}, fmt.Errorf("look up session: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !s.Alive {
		delete(v.sessions, id)
		return Caller{}, errToken
	}
	if len(v.sessions) >= sessionsHeld {
		clear(v.sessions)
	}
	caller := s.caller(id)
	v.sessions[id] = seen{caller, asked}
	return caller, nil
}

// Forget has the next check of a session ask the database: one that was refused may
// have been let in since, by a proof or a role a moment ago.
func (v *Verifier) Forget(session uuid.UUID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, session)
}

func (s session) caller(id uuid.UUID) Caller {
	c := Caller{
		Kind: Person, UserID: s.UserID, SessionID: id, Methods: s.Methods, Roles: s.Roles,
		Subject: policy.Subject{Roles: s.Roles, Own: s.Permissions, ProvedAt: s.provedAt()},
	}
	if s.WaitsFor == nil {
		c.OrganizationID = s.OrganizationID
	} else {
		c.Subject.WaitsFor = *s.WaitsFor
	}
	if s.ImpersonatorID != nil {
		c.ImpersonatorID = *s.ImpersonatorID
	} else if s.PlatformAdmin {
		c.Subject.Roles = append(slices.Clone(s.Roles), policy.PlatformAdmin)
	}
	return c
}

// provedAt is never for a session in which an admin acts as the person: what needs
// a fresh proof is the person's own.
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
