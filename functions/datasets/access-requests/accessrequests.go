// Package accessrequests lets people ask for a share of a data set: everything under
// /v1/datasets/{id}/access-requests.
package accessrequests

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

const (
	path       = "/v1/datasets/{id}/access-requests"
	decidePath = path + "/{request_id}"
)

// Service declares the function.
var Service = function.Service("datasets-access-requests", New,
	function.On(function.Get("datasets-list-access-requests", path, "List the requests for access to a data set", policy.DatasetsGovern), (*Function).List),
	function.On(function.Post("datasets-request-access", path, "Request access to a data set", policy.DatasetsRead.WithoutImpersonation()).
		Fails(fault.Conflict).
		Describe("For a restricted data set of your organization whose identifier you know. Whoever governs data sets decides. The answer is the same whether or not the data set exists."), (*Function).Create),
	function.On(function.Post("datasets-approve-access-request", decidePath+"/approve", "Approve a request for access", policy.DatasetsGovern).
		Fails(fault.Conflict).
		Describe("Shares the data set with the person for the requested purpose and time. Another person than the requester must approve it."), (*Function).Approve),
	function.On(function.Post("datasets-decline-access-request", decidePath+"/decline", "Decline a request for access", policy.DatasetsGovern).
		Fails(fault.Conflict), (*Function).Decline),
).Uses(function.Owns(database.Datasets))

// Wish is what is requested.
type Wish struct {
	Purpose string `json:"purpose" minLength:"1" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"What you need the data for"`
	Days    *int   `json:"days,omitempty" minimum:"1" maximum:"3650" doc:"For how many days from the approval; absent: until it is revoked"`
}

// AccessRequest is a request for access.
type AccessRequest struct {
	ID          uuid.UUID  `json:"id" format:"uuid"`
	RequestedBy uuid.UUID  `json:"requested_by" format:"uuid"`
	Purpose     string     `json:"purpose"`
	Days        *int       `json:"days,omitempty"`
	Status      string     `json:"status" enum:"open,approved,declined"`
	RequestedAt time.Time  `json:"requested_at"`
	DecidedBy   *uuid.UUID `json:"decided_by,omitempty" format:"uuid"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	Comment     string     `json:"comment,omitempty" doc:"Of whoever decided"`
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
	Status string `query:"status" enum:"open,approved,declined" doc:"Only requests in this state"`
}

// ListResponse is one page of requests.
type ListResponse struct {
	Body page.Page[AccessRequest]
}

// CreateRequest is a request to make.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body Wish
}

// CreateResponse says that the request was received.
type CreateResponse struct {
	Body struct {
		Status string `json:"status" enum:"received" doc:"You have access once the data set appears in your list"`
	}
}

// DecideRequest is a decision.
type DecideRequest struct {
	ID        uuid.UUID `path:"id" format:"uuid"`
	RequestID uuid.UUID `path:"request_id" format:"uuid"`
	Body      struct {
		Comment string `json:"comment,omitempty" maxLength:"1000" pattern:"^[^\\x00]*$"`
	}
}

// Response is the request for access.
type Response struct{ Body AccessRequest }

// Function manages requests for access.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	columns        = `id, requested_by, purpose, days, status, requested_at, decided_by, decided_at, comment`
	selectRequests = `
SELECT ` + columns + ` FROM dataset_access_requests
WHERE dataset_id = @dataset AND (@status = '' OR status = @status) AND id < @before ORDER BY id DESC LIMIT @limit`
	insertRequest = `
INSERT INTO dataset_access_requests (id, dataset_id, requested_by, purpose, days)
SELECT $1, d.id, $3, $4, $5 FROM datasets d WHERE d.id = $2 AND d.organization_id = $6 AND d.deleted_at IS NULL
ON CONFLICT (dataset_id, requested_by) WHERE status = 'open' DO UPDATE SET purpose = excluded.purpose, days = excluded.days, requested_at = now()`
	selectOpen    = `SELECT ` + columns + ` FROM dataset_access_requests WHERE dataset_id = $1 AND id = $2 FOR UPDATE`
	decideRequest = `
UPDATE dataset_access_requests SET status = $2, decided_by = $3, decided_at = now(), comment = $4 WHERE id = $1 RETURNING ` + columns
)

// List lists the requests for access to a data set.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.ChangeableOfAnyKind(ctx, f.db, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.db, in.Query, func(r AccessRequest) uuid.UUID { return r.ID }, selectRequests, pgx.NamedArgs{"dataset": in.ID, "status": in.Status})
	return &ListResponse{Body: found}, err
}

// Create records a request. It says nothing about whether the data set exists.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*CreateResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &CreateResponse{}
	out.Body.Status = "received"
	entry := audit.Entry{Action: "datasets:request_access", ResourceID: in.ID.String()}
	return out, act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		_, err := tx.Exec(ctx, insertRequest, uuid.Must(uuid.NewV7()), in.ID, caller.UserID, in.Body.Purpose, in.Body.Days, caller.OrganizationID)
		if err != nil {
			return fmt.Errorf("insert request for access: %w", err)
		}
		return nil
	})
}

// Approve shares the data set with the requester.
func (f *Function) Approve(ctx context.Context, in *DecideRequest) (*Response, error) {
	return f.decide(ctx, in, "approved", func(tx *outbox.Tx, caller auth.Caller, r AccessRequest) error {
		if r.RequestedBy == caller.UserID {
			return fault.New(fault.Forbidden, "Another person must approve your request")
		}
		grant := dataset.Grant{Dataset: in.ID, Kind: "user", Grantee: r.RequestedBy, Purpose: r.Purpose, GrantedBy: caller.UserID}
		if r.Days != nil {
			end := time.Now().AddDate(0, 0, *r.Days)
			grant.ExpiresAt = &end
		}
		_, err := dataset.ShareWith(ctx, tx, grant)
		return err
	})
}

// Decline declines the request.
func (f *Function) Decline(ctx context.Context, in *DecideRequest) (*Response, error) {
	return f.decide(ctx, in, "declined", func(*outbox.Tx, auth.Caller, AccessRequest) error { return nil })
}

func (f *Function) decide(ctx context.Context, in *DecideRequest, status string, effect func(*outbox.Tx, auth.Caller, AccessRequest) error) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:decide_access_request", ResourceID: in.ID.String(), Detail: map[string]any{"request_id": in.RequestID, "status": status}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.LockAny(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		r, err := database.One[AccessRequest](ctx, tx, fault.New(fault.NotFound, "This data set has no request for access with this identifier"), selectOpen, in.ID, in.RequestID)
		switch {
		case err != nil:
			return err
		case r.Status != "open":
			return fault.New(fault.Conflict, "This request is already %s", r.Status)
		}
		if err := effect(tx, caller, r); err != nil {
			return err
		}
		out.Body, err = database.One[AccessRequest](ctx, tx, pgx.ErrNoRows, decideRequest, in.RequestID, status, caller.UserID, in.Body.Comment)
		return err
	})
	return out, err
}
