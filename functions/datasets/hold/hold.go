// Package hold manages the legal hold of a data set: everything under /v1/datasets/{id}/hold. While
// a data set is held, nothing of it is removed: not by people, lifecycle policies or retention
// policies.
package hold

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/hold"

// Service declares the function.
var Service = function.Service("datasets-hold", New,
	function.On(function.Get("datasets-get-hold", path, "Show the legal hold of a data set", policy.RetentionRead), (*Function).Get),
	function.On(function.Put("datasets-hold", path, "Place a data set under legal hold", policy.RetentionWrite).
		Fails(fault.Conflict).
		Describe("While a data set is held, deleting it, its tags or its branches is refused, and neither lifecycle nor retention policies remove anything of it. "+
			"New versions can be added. Of documents and objects, changing and deleting is refused, and new ones can be added. A deleted data set can be held until the retention policy destroys it. "+
			"Holding a data set that is held changes the reason."), (*Function).Put),
	function.On(function.Delete("datasets-release-hold", path, "End the legal hold of a data set", policy.RetentionWrite), (*Function).Delete),
).Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// PutRequest is the hold to place.
type PutRequest struct {
	Request
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Such as the number of the case; kept in the audit trail, so without personal data"`
	}
}

// Hold is a legal hold.
type Hold struct {
	Reason string    `json:"reason"`
	HeldBy uuid.UUID `json:"held_by" format:"uuid" doc:"Who placed it"`
	HeldAt time.Time `json:"held_at" doc:"When it was placed"`
}

// Response is the hold.
type Response struct{ Body Hold }

// Function manages holds.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

var errNoHold = fault.New(fault.NotFound, "This data set is not under legal hold")

const (
	columns   = `hold_reason AS reason, held_by, held_at`
	selectAny = `SELECT disposal_began_at IS NOT NULL AS disposing, held_at IS NOT NULL AS held FROM datasets WHERE id = $1 AND organization_id = $2`
	lockAny   = selectAny + ` FOR UPDATE`
	place     = `
WITH placed AS (
    UPDATE datasets SET hold_reason = $2, held_by = coalesce(held_by, $3), held_at = coalesce(held_at, now()), ` + dataset.SetChangedAt + `
    WHERE id = $1 OR quality_of = $1 AND disposal_began_at IS NULL RETURNING id, ` + columns + `)
SELECT reason, held_by, held_at FROM placed WHERE id = $1`
	selectHold = `SELECT ` + columns + ` FROM datasets WHERE id = $1 AND held_at IS NOT NULL`
	release    = `UPDATE datasets SET hold_reason = NULL, held_by = NULL, held_at = NULL, ` + dataset.SetChangedAt + ` WHERE id = $1 OR quality_of = $1`
)

// state is read of data sets that are deleted, too.
type state struct{ Disposing, Held bool }

// Get shows the hold.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := database.One[state](ctx, f.db, dataset.ErrNotFound, selectAny, in.ID, caller.OrganizationID); err != nil {
		return nil, err
	}
	hold, err := database.One[Hold](ctx, f.db, errNoHold, selectHold, in.ID)
	return &Response{Body: hold}, err
}

// Put places a hold, or changes its reason.
func (f *Function) Put(ctx context.Context, in *PutRequest) (*Response, error) {
	out := &Response{}
	entry := audit.Entry{Action: "datasets:hold", ResourceID: in.ID.String(), Detail: map[string]any{"reason": in.Body.Reason}}
	return out, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, caller auth.Caller, is state) (err error) {
		if is.Disposing {
			return fault.New(fault.Conflict, "This data set is being destroyed by the retention policy and can no longer be held")
		}
		if out.Body, err = database.One[Hold](ctx, tx, pgx.ErrNoRows, place, in.ID, in.Body.Reason, caller.UserID); err != nil {
			return err
		}
		state, err := dataset.State(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		return tx.Publish(ctx, events.DatasetHeld{Dataset: state})
	})
}

// Delete ends a hold.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "datasets:release_hold", ResourceID: in.ID.String()}
	return nil, f.change(ctx, in.ID, entry, func(tx *outbox.Tx, _ auth.Caller, is state) error {
		if !is.Held {
			return errNoHold
		}
		if _, err := tx.Exec(ctx, release, in.ID); err != nil {
			return fmt.Errorf("release hold: %w", err)
		}
		state, err := dataset.State(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		return tx.Publish(ctx, events.DatasetReleased{Dataset: state})
	})
}

func (f *Function) change(ctx context.Context, id uuid.UUID, entry audit.Entry, work func(*outbox.Tx, auth.Caller, state) error) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	return act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		is, err := database.One[state](ctx, tx, dataset.ErrNotFound, lockAny, id, caller.OrganizationID)
		if err != nil {
			return err
		}
		return work(tx, caller, is)
	})
}
