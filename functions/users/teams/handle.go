package teams

import (
	"context"
	"fmt"

	"function/functions/users/internal/access"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/page"
)

const (
	columns     = `id, name, parent_id, created_at`
	selectTeams = `SELECT ` + columns + ` FROM teams WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	selectTeam  = `SELECT ` + columns + ` FROM teams WHERE organization_id = $1 AND id = $2`
	rename      = `UPDATE teams SET name = $3 WHERE organization_id = $1 AND id = $2 RETURNING ` + columns
)

// List lists teams.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectTeams, in.ID, before, in.Fetch())
	teams, err := pgx.CollectRows(rows, pgx.RowToStructByName[access.Team])
	if err != nil {
		return nil, fmt.Errorf("list teams: %w", err)
	}
	return &ListResponse{Body: page.Of(in.Query, teams, func(t access.Team) uuid.UUID { return t.ID })}, nil
}

// readTeam reads the team that a statement returns.
func readTeam(rows pgx.Rows) (*Response, error) {
	team, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[access.Team])
	if database.IsNoRows(err) {
		return nil, fault.New(fault.NotFound, "There is no such team")
	}
	return &Response{Body: team}, err
}

// Get returns a team.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	rows, _ := f.DB.Query(ctx, selectTeam, in.ID, in.TeamID)
	return readTeam(rows)
}

// Create creates a team.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	team, err := access.CreateTeam(ctx, f.RoleChanges.Store, in.ID, string(in.Body.Name), in.Body.ParentID)
	return &Response{Body: team}, err
}

// Rename renames a team.
func (f *Function) Rename(ctx context.Context, in *RenameRequest) (out *Response, err error) {
	err = act.Do(ctx, f.DB, audit.Entry{Action: "teams:rename", ResourceID: in.TeamID.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		rows, _ := tx.Query(ctx, rename, in.ID, in.TeamID, in.Body.Name)
		out, err = readTeam(rows)
		return err
	})
	return out, err
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
