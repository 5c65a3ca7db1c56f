package teams

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/page"
)

const (
	columns     = `id, name, parent_id, created_at`
	selectTeams = `SELECT ` + columns + ` FROM teams WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`
	selectTeam  = `SELECT ` + columns + ` FROM teams WHERE organization_id = $1 AND id = $2`
	rename      = `UPDATE teams SET name = $3 WHERE organization_id = $1 AND id = $2 RETURNING ` + columns
)

// List lists teams.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	teams, err := page.List(ctx, f.Store.DB, in.Query, func(t access.Team) uuid.UUID { return t.ID }, selectTeams, pgx.NamedArgs{"organization": in.ID})
	return &ListResponse{Body: teams}, err
}

var errNoTeam = fault.New(fault.NotFound, "There is no such team")

// Get returns a team.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	team, err := database.One[access.Team](ctx, f.Store.DB, errNoTeam, selectTeam, in.ID, in.TeamID)
	return &Response{Body: team}, err
}

// Create creates a team.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	team, err := access.CreateTeam(ctx, f.Store, in.ID, string(in.Body.Name), in.Body.ParentID)
	return &Response{Body: team}, err
}

// Rename renames a team.
func (f *Function) Rename(ctx context.Context, in *RenameRequest) (*Response, error) {
	var out Response
	err := act.Do(ctx, f.Store.DB, audit.Entry{Action: "teams:rename", ResourceID: in.TeamID.String()}, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = database.One[access.Team](ctx, tx, errNoTeam, rename, in.ID, in.TeamID, in.Body.Name)
		return err
	})
	return &out, err
}

// Move moves a team.
func (f *Function) Move(ctx context.Context, in *MoveRequest) (*access.RoleChangeResponse, error) {
	change := access.RoleChange{Kind: access.MoveTeam, TeamID: in.TeamID}
	if in.Body.ParentID != nil {
		change.ParentID = *in.Body.ParentID
	}
	return f.ChangeRoles(ctx, in.ID, change)
}

// Delete deletes a team.
func (f *Function) Delete(ctx context.Context, in *Request) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.DeleteTeam, TeamID: in.TeamID})
}
