// Package shares manages with whom a data set is shared: everything under /v1/datasets/{id}/shares.
package shares

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/shares"

// Service declares the function.
var Service = function.Service("datasets-shares", New,
	function.On(function.Get("datasets-list-shares", path, "List with whom a data set is shared", policy.DatasetsGovern), (*Function).List),
	function.On(function.Post("datasets-share", path, "Share a data set", policy.DatasetsGovern).
		Describe("Lets a person or service account, a team with the teams in it, or an organization read the data set: all its versions, as the data set's policies allow, but not change it. "+
			"Sharing it again with the same grantee replaces the purpose and the expiry. A query or download that has begun when the share ends is completed."), (*Function).Share),
	function.On(function.Delete("datasets-revoke-share", path+"/{share_id}", "Stop sharing a data set", policy.DatasetsGovern), (*Function).Revoke),
).Uses(function.Owns(database.Datasets))

// Terms are with whom, why and how long a data set is shared.
type Terms struct {
	GranteeKind string     `json:"grantee_kind" enum:"user,team,organization" doc:"user: a person or a service account"`
	GranteeID   uuid.UUID  `json:"grantee_id" format:"uuid"`
	Purpose     string     `json:"purpose" minLength:"1" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"What the data is used for" example:"Quarterly demand forecast"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"When the share ends. An organization needs one; otherwise it may be absent: the share ends when it is revoked"`
}

// Share is a share of a data set.
type Share struct {
	ID uuid.UUID `json:"id" format:"uuid"`
	Terms
	Expired   bool      `json:"expired"`
	GrantedBy uuid.UUID `json:"granted_by" format:"uuid"`
	GrantedAt time.Time `json:"granted_at"`
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page of shares.
type ListResponse struct{ Body page.Page[Share] }

// ShareRequest is the share to make.
type ShareRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body Terms
}

// Response is the share.
type Response struct{ Body Share }

// RevokeRequest identifies a share.
type RevokeRequest struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	ShareID uuid.UUID `path:"share_id" format:"uuid"`
}

// Function manages shares.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	columns      = `id, grantee_kind, grantee_id, purpose, expires_at, coalesce(expires_at <= now(), false) AS expired, granted_by, granted_at`
	selectShares = `SELECT ` + columns + ` FROM dataset_shares WHERE dataset_id = @dataset AND id < @before ORDER BY id DESC LIMIT @limit`
	deleteShare  = `DELETE FROM dataset_shares WHERE dataset_id = $1 AND id = $2 RETURNING grantee_kind, grantee_id`
)

// List lists the shares of a data set, also expired ones.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.ChangeableOfAnyKind(ctx, f.db, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.db, in.Query, func(s Share) uuid.UUID { return s.ID }, selectShares, pgx.NamedArgs{"dataset": in.ID})
	return &ListResponse{Body: found}, err
}

// Share shares a data set.
func (f *Function) Share(ctx context.Context, in *ShareRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	switch terms := in.Body; {
	case terms.ExpiresAt != nil && !terms.ExpiresAt.After(time.Now()):
		return nil, fault.At("body.expires_at", "this time has passed")
	case terms.GranteeKind == "organization" && terms.ExpiresAt == nil:
		return nil, fault.At("body.expires_at", "a share with an organization needs an expiry")
	case terms.GranteeKind == "organization" && terms.GranteeID == caller.OrganizationID:
		return nil, fault.At("body.grantee_id", "this is the data set's own organization: to show it to all members, set its visibility (PUT /v1/datasets/{id}/visibility)")
	}
	entry := audit.Entry{Action: "datasets:share", ResourceID: in.ID.String(), Detail: map[string]any{"grantee_kind": in.Body.GranteeKind, "grantee_id": in.Body.GranteeID, "expires_at": in.Body.ExpiresAt}}
	out := &Response{}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockAny(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		id, err := dataset.ShareWith(ctx, tx, dataset.Grant{
			Dataset: in.ID, Kind: in.Body.GranteeKind, Grantee: in.Body.GranteeID, Purpose: in.Body.Purpose, ExpiresAt: in.Body.ExpiresAt, GrantedBy: caller.UserID,
		})
		if err != nil {
			return err
		}
		out.Body, err = database.One[Share](ctx, tx, pgx.ErrNoRows, `SELECT `+columns+` FROM dataset_shares WHERE id = $1`, id)
		return err
	})
	return out, err
}

// Revoke ends a share at once.
func (f *Function) Revoke(ctx context.Context, in *RevokeRequest) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:revoke_share", ResourceID: in.ID.String()}
	return nil, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.LockAny(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		share, err := database.One[struct {
			GranteeKind string
			GranteeID   uuid.UUID
		}](ctx, tx, fault.New(fault.NotFound, "This data set has no share with this identifier"), deleteShare, in.ID, in.ShareID)
		if err != nil {
			return fmt.Errorf("delete share: %w", err)
		}
		entry.Detail = map[string]any{"grantee_kind": share.GranteeKind, "grantee_id": share.GranteeID}
		return nil
	})
}
