// Package acceptversion makes a version ready that its contract blocks: POST
// /v1/datasets/{id}/versions/{version}/accept.
package acceptversion

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/quality"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-accept-version", "/v1/datasets/{id}/versions/{version}/accept", "Accept a version that its contract blocks", policy.DatasetsApprove).
	Fails(fault.Conflict).
	Describe("The version becomes ready, and is read by queries if no later version of main is ready. Values of other types than the contract's schema has cannot be accepted. The reason is kept with the results of its check and in the audit trail."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version int       `path:"version" minimum:"1" maximum:"2147483647"`
	Body    struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"Why the version is good enough; kept in the audit trail, so without personal data"`
	}
}

// Response is the version's new state.
type Response struct {
	Body struct {
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
		Version   int       `json:"version"`
		Status    string    `json:"status" enum:"ready"`
		Current   bool      `json:"current" doc:"Whether queries without a version read this one"`
	}
}

// Function accepts versions.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	selectVersion = `
SELECT v.status, v.branch, v.operation <> 'replace' AND v.base_version IS DISTINCT FROM head_of(v.dataset_id, v.branch, v.version) AS stale,
       (SELECT min(l.version) FROM dataset_versions l WHERE l.dataset_id = v.dataset_id AND l.branch = v.branch AND l.version > v.version
          AND l.status NOT IN ('failed', 'blocked') AND l.operation IN ('append', 'upsert', 'delete', 'merge')) AS later,
       EXISTS (SELECT FROM dataset_quality q, json_array_elements(q.results) r
               WHERE q.dataset_id = v.dataset_id AND q.version = v.version AND r ->> 'kind' = '` + quality.Schema + `') AS mistyped
FROM dataset_versions v WHERE v.dataset_id = $1 AND v.version = $2`
	acceptVersion = `
UPDATE dataset_versions SET status = 'ready', failure = NULL, profiled_at = clock_timestamp(), base_version = head_of(dataset_id, branch, version)
WHERE dataset_id = $1 AND version = $2 AND status = 'blocked'`
	acceptDataset = `
UPDATE datasets d SET ready_version = CASE WHEN $3 = 'main' THEN greatest(ready_version, $2) ELSE ready_version END,
       status = CASE (` + dataset.NewestNumber + `) WHEN $2 THEN 'ready' ELSE status END, ` + dataset.SetChangedAt + `
WHERE id = $1 RETURNING coalesce(ready_version = $2, false) AS current`
	recordAcceptance = `
UPDATE dataset_quality SET accepted_by = $3, accepted_at = now(), accepted_reason = $4 WHERE dataset_id = $1 AND version = $2`
)

// Handle makes the version ready.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.DatasetID, out.Body.Version, out.Body.Status = in.ID, in.Version, dataset.Ready
	entry := audit.Entry{Action: "datasets:accept_version", ResourceID: in.ID.String(), Detail: map[string]any{"version": in.Version, "reason": in.Body.Reason}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		out.Body.Current, err = accept(ctx, tx, in, caller.UserID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("accept version: %w", err)
	}
	return out, nil
}

func accept(ctx context.Context, tx *outbox.Tx, in *Request, by uuid.UUID) (current bool, err error) {
	v, err := database.One[struct {
		Status, Branch string
		Stale          bool
		Later          *int
		Mistyped       bool
	}](ctx, tx, version.ErrNotFound, selectVersion, in.ID, in.Version)
	switch {
	case err != nil:
		return false, err
	case v.Status != dataset.Blocked:
		return false, fault.New(fault.Conflict, "Version %d is %s. Only a blocked version can be accepted.", in.Version, v.Status)
	case v.Mistyped:
		return false, fault.New(fault.Conflict, "Version %d has values that do not have the type of the contract's schema: change the contract and retry the version, or upload it corrected", in.Version)
	case v.Later != nil:
		return false, fault.New(fault.Conflict, "Version %d has changed the rows of this branch since: upload the file of version %d again instead", *v.Later, in.Version)
	case v.Stale:
		return false, fault.New(fault.Conflict, "An earlier version of this branch has become ready since version %d was made: retry it first (POST /v1/datasets/{id}/versions/%d/retry)", in.Version, in.Version)
	}
	if err := archival.CheckInputs(ctx, tx, in.ID, in.Version); err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, acceptVersion, in.ID, in.Version); err != nil {
		return false, fmt.Errorf("set version ready: %w", err)
	}
	if _, err := tx.Exec(ctx, recordAcceptance, in.ID, in.Version, by, in.Body.Reason); err != nil {
		return false, fmt.Errorf("record acceptance: %w", err)
	}
	if err := tx.QueryRow(ctx, acceptDataset, in.ID, in.Version, v.Branch).Scan(&current); err != nil {
		return false, fmt.Errorf("update data set: %w", err)
	}
	state, err := dataset.State(ctx, tx, in.ID)
	if err != nil {
		return false, err
	}
	return current, tx.Publish(ctx, events.DatasetReady{Dataset: state})
}
