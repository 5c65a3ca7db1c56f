package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// RoleChanges changes roles and mails the people who must know about it.
type RoleChanges struct {
	Store  store.Store
	mailer notify.Mailer
}

// OpenRoleChanges opens the store and the mailer.
func OpenRoleChanges(ctx context.Context, env *function.Env) (RoleChanges, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return RoleChanges{}, err
	}
	mailer, err := notify.NewMailer(store, env)
	return RoleChanges{store, mailer}, err
}

// RoleChange changes who has a role or what a role allows. [RoleChanges.ChangeRoles] applies
// it at once or, if the organization requires it (Settings.RequireSecondPerson), after a
// second person's approval.
type RoleChange struct {
	Kind             string              `json:"kind" enum:"assign,grant,revoke,define,delete,transfer_ownership,join_team,leave_team,move_team,delete_team,end_second_person"`
	Role             string              `json:"role,omitempty"`
	UserID           uuid.UUID           `json:"user_id,omitzero" format:"uuid" doc:"The person affected"`
	TeamID           uuid.UUID           `json:"team_id,omitzero" format:"uuid"`
	ServiceAccountID uuid.UUID           `json:"service_account_id,omitzero" format:"uuid"`
	GrantID          uuid.UUID           `json:"grant_id,omitzero" format:"uuid"`
	ParentID         uuid.UUID           `json:"parent_id,omitzero" format:"uuid" doc:"The new parent team; absent: none"`
	Description      string              `json:"description,omitempty" doc:"Description of the role"`
	Permissions      []policy.Permission `json:"permissions,omitempty" doc:"Permissions of the role"`
}

// The kinds of changes.
const (
	AssignRole        = "assign" // as a member's own
	GrantRole         = "grant"  // to a person, team or service account
	RevokeRole        = "revoke" // a grant
	DefineRole        = "define"
	DeleteRole        = "delete"
	TransferOwnership = "transfer_ownership"
	JoinTeam          = "join_team"
	LeaveTeam         = "leave_team"
	MoveTeam          = "move_team"
	DeleteTeam        = "delete_team"
	EndSecondPerson   = "end_second_person"
)

// PendingRoleChange is a role change and its state.
type PendingRoleChange struct {
	ID          uuid.UUID  `json:"id,omitzero" format:"uuid" doc:"Identifier of the pending or decided role change; absent if it took effect at once"`
	Status      string     `json:"status" enum:"applied,pending,approved,rejected,withdrawn,expired"`
	Change      RoleChange `json:"change"`
	RequestedBy uuid.UUID  `json:"requested_by" format:"uuid"`
	RequestedAt time.Time  `json:"requested_at"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"After this time it can no longer be approved"`
	AloneFrom   *time.Time `json:"alone_from,omitempty" doc:"From this time on the owner who asked to turn off second-person approval may approve it alone, if nobody has rejected it"`
	DecidedBy   *uuid.UUID `json:"decided_by,omitempty" format:"uuid"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
}

// RoleChangeResponse is the response to every role change: 200, or 202 while it is pending.
type RoleChangeResponse struct {
	Status int
	Body   PendingRoleChange
}

// PendingResponses describes the 202 response of operations whose change may be pending.
var PendingResponses = map[string]*huma.Response{"202": {Description: "Pending: a second person must approve it within 7 days"}}

// approvalTime is how long a role change stays pending.
const approvalTime = 7 * 24 * time.Hour

// aloneTime is how long all members are notified, and can object, before an owner may turn
// off second-person approval alone. It keeps an organization able to change when its other
// approvers have left or do not respond.
const aloneTime = 7 * 24 * time.Hour

// Actor is a person or service account who changes roles, teams or members, within the
// transaction of the change and under the organization's lock.
type Actor struct {
	*outbox.Tx
	organization uuid.UUID
	by           uuid.UUID // the requester
	subject      policy.Subject
}

// NewActor locks the organization and reads the actor's current rights, so that a role revoked a
// moment ago no longer counts.
func NewActor(ctx context.Context, tx *outbox.Tx, organization, by uuid.UUID) (Actor, error) {
	x := Actor{Tx: tx, organization: organization, by: by}
	err := store.LockOrganization(ctx, tx, organization)
	if err == nil {
		x.subject, err = SubjectOf(ctx, tx, organization, by)
	}
	return x, err
}

// ActorFor is [NewActor] for the caller, whose API key may limit their rights.
func ActorFor(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, caller auth.Caller) (Actor, error) {
	x, err := NewActor(ctx, tx, organization, caller.UserID)
	x.subject.Limited, x.subject.Scopes = caller.Subject.Limited, caller.Subject.Scopes
	return x, err
}

const insertRoleChange = `
INSERT INTO role_changes (id, organization_id, change, requested_by, requested_at, expires_at, alone_from) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// ChangeRoles makes a role change that the caller requests in their organization, or stores
// it as pending until a second person approves it.
func (r RoleChanges) ChangeRoles(ctx context.Context, organization uuid.UUID, c RoleChange) (*RoleChangeResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var answer *RoleChangeResponse
	err = act.Do(ctx, r.Store.DB, audit.Entry{Action: "roles:" + c.Kind}, func(tx *outbox.Tx, entry *audit.Entry) error {
		x, err := ActorFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		answer, err = r.request(ctx, x, c, caller, entry)
		return err
	})
	return answer, err
}

func (r RoleChanges) request(ctx context.Context, x Actor, c RoleChange, caller auth.Caller, entry *audit.Entry) (*RoleChangeResponse, error) {
	answer := &RoleChangeResponse{Status: http.StatusOK, Body: PendingRoleChange{Status: "applied", RequestedBy: x.by, RequestedAt: time.Now().UTC().Truncate(time.Microsecond)}}
	sensitive, err := x.may(ctx, &c)
	answer.Body.Change, entry.Detail, entry.ResourceID = c, c.detail(), c.resource()
	if err != nil {
		return nil, err
	}
	if sensitive {
		if err := store.RequireFreshProof(caller); err != nil {
			return nil, err
		}
	}
	settings, err := store.SettingsOf(ctx, x, x.organization)
	if err != nil {
		return nil, err
	}
	if !sensitive || !settings.RequireSecondPerson {
		return answer, x.apply(ctx, c)
	}
	return answer, r.storePending(ctx, x, answer, entry)
}

// storePending stores a pending change and notifies those who can approve it.
func (r RoleChanges) storePending(ctx context.Context, x Actor, answer *RoleChangeResponse, entry *audit.Entry) error {
	p := &answer.Body
	expires := p.RequestedAt.Add(approvalTime)
	if p.Change.Kind == EndSecondPerson && x.owner() {
		alone := p.RequestedAt.Add(aloneTime)
		expires, p.AloneFrom = alone.Add(approvalTime), &alone
	}
	answer.Status, p.ID, p.Status, p.ExpiresAt = http.StatusAccepted, uuid7.New(), "pending", &expires
	entry.Action, entry.ResourceID = "role_changes:request", p.ID.String()
	if _, err := x.Exec(ctx, insertRoleChange, p.ID, x.organization, p.Change, x.by, p.RequestedAt, expires, p.AloneFrom); err != nil {
		return fmt.Errorf("insert role change: %w", err)
	}
	if p.AloneFrom != nil {
		return r.mailMembers(ctx, x.Tx, x.organization, x.by, true, func(to string) mail.Message { return r.mailer.SecondPersonEnds(to, x.organization, *p.AloneFrom) })
	}
	return r.mailMembers(ctx, x.Tx, x.organization, x.by, false, func(to string) mail.Message { return r.mailer.RoleChangePending(to, x.organization) })
}

// resource identifies what the change is made to, for the audit trail.
func (c RoleChange) resource() string {
	for _, id := range []uuid.UUID{c.GrantID, c.UserID, c.TeamID} {
		if id != uuid.Nil {
			return id.String()
		}
	}
	return c.Role
}

// detail describes the change for the audit trail. It leaves out the role's description,
// which may contain personal data.
func (c RoleChange) detail() map[string]any {
	c.Description = ""
	encoded, _ := json.Marshal(c) // plain strings and identifiers always encode
	var detail map[string]any
	_ = json.Unmarshal(encoded, &detail)
	return detail
}
