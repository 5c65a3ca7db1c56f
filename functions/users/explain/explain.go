// Package explain says why somebody may or may not do something, using the same decision as
// every request: POST /v1/authorize/explain.
package explain

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-explain", "/v1/authorize/explain", "Explain where a permission comes from", policy.Person).
	Fails(fault.NotFound).
	Describe("For yourself or, with roles:read, for a member or service account of your organization. Assumes a login that meets the organization's requirements."), New).
	Uses(function.Owns(database.Users))

// Request contains the permission to explain and, optionally, whose.
type Request struct {
	Body struct {
		Permission       policy.Permission `json:"permission" pattern:"^[a-z_]+:[a-z_]+$" maxLength:"64" doc:"resource:action" example:"datasets:read"`
		UserID           *uuid.UUID        `json:"user_id,omitempty" format:"uuid"`
		ServiceAccountID *uuid.UUID        `json:"service_account_id,omitempty" format:"uuid"`
	}
}

// Answer is the decision and the roles on which it is based.
type Answer struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason" doc:"A sentence"`
	Role    string `json:"role,omitempty" doc:"The built-in role that allows it"`
	Roles   []Held `json:"roles" nullable:"false" doc:"Every role that was considered"`
}

// Held is a role that a person or service account has, and where it comes from.
type Held struct {
	Role        string              `json:"role"`
	Source      string              `json:"source" enum:"membership,grant,team,platform"`
	GrantID     *uuid.UUID          `json:"grant_id,omitempty" format:"uuid"`
	TeamPath    []string            `json:"team_path,omitempty" doc:"Path from the person's team up to the team that has the role"`
	BuiltIn     bool                `json:"built_in"`
	Permissions []policy.Permission `json:"permissions" nullable:"false" doc:"Permissions of the role"`
}

// Response is the decision.
type Response struct{ Body Answer }

// Function explains decisions.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const selectHeld = `
WITH RECURSIVE path (id, parent_id, names) AS (
    SELECT t.id, t.parent_id, ARRAY[t.name] FROM team_members m JOIN teams t ON t.id = m.team_id
    WHERE m.user_id = @id AND m.organization_id = @organization
    UNION ALL
    SELECT t.id, t.parent_id, p.names || t.name FROM teams t JOIN path p ON t.id = p.parent_id
), held (role, source, grant_id, team_path) AS (
    SELECT role, 'membership', NULL::uuid, NULL::text[] FROM memberships
    WHERE user_id = @id AND organization_id = @organization AND status = 'active'
    UNION ALL
    SELECT role, 'grant', id, NULL FROM role_grants WHERE organization_id = @organization AND (user_id = @id OR service_account_id = @id)
    UNION ALL
    SELECT g.role, 'team', g.id, p.names FROM role_grants g JOIN path p ON p.id = g.team_id
)
SELECT h.role, h.source, h.grant_id, h.team_path, false AS built_in, coalesce(r.permissions, '{}') AS permissions
FROM held h LEFT JOIN roles r ON r.organization_id = @organization AND r.name = h.role
ORDER BY h.source, h.role, h.grant_id, h.team_path`

// Handle makes the decision and explains it.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	subject, roles, err := f.find(ctx, caller, in)
	if err != nil {
		return nil, err
	}
	d := policy.Decide(subject, policy.Need{Permission: in.Body.Permission}, time.Now())
	return &Response{Body: Answer{Allowed: d.Allowed, Reason: d.Reason, Role: d.Role, Roles: roles}}, nil
}

// find finds the subject of the question and the roles that it has.
func (f *Function) find(ctx context.Context, caller auth.Caller, in *Request) (subject policy.Subject, roles []Held, err error) {
	about := caller.UserID
	switch {
	case in.Body.UserID != nil && in.Body.ServiceAccountID != nil:
		return subject, nil, fault.At("body", "set either user_id or service_account_id, not both")
	case in.Body.UserID != nil:
		about = *in.Body.UserID
	case in.Body.ServiceAccountID != nil:
		about = *in.Body.ServiceAccountID
	}
	if about != caller.UserID {
		if d := policy.Decide(caller.Subject, policy.Need{Permission: policy.RolesRead}, time.Now()); !d.Allowed {
			return subject, nil, fault.New(fault.Forbidden, "You need roles:read to see another person's rights: %s", d.Reason)
		}
	}
	err = pgx.BeginTxFunc(ctx, f.store.DB.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if subject, err = access.SubjectOf(ctx, tx, caller.OrganizationID, about); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectHeld, pgx.NamedArgs{"id": about, "organization": caller.OrganizationID})
		if roles, err = pgx.CollectRows(rows, pgx.RowToStructByName[Held]); err != nil {
			return fmt.Errorf("read roles: %w", err)
		}
		return nil
	})
	switch {
	case err != nil:
		return subject, nil, err
	case about == caller.UserID: // use the subject of this request
		subject = caller.Subject
	case subject.BlockedBy == policy.BlockedByMembership:
		return subject, nil, fault.New(fault.NotFound, "Your organization has no member or service account with this identifier")
	}
	return subject, addBuiltIn(roles, subject), nil
}

// addBuiltIn adds the permissions of built-in roles, and the platform's own roles.
func addBuiltIn(roles []Held, subject policy.Subject) []Held {
	for _, name := range subject.Roles {
		if name == policy.PlatformAdmin {
			roles = append(roles, Held{Role: name, Source: "platform"})
		}
	}
	for i, h := range roles {
		if h.BuiltIn = policy.IsBuiltIn(h.Role); h.BuiltIn {
			h.Permissions = policy.Permissions(h.Role)
		}
		roles[i] = h
	}
	return roles
}
