// Package quality shows how the versions of a data set met its contract, and suggests contracts: everything under
// /v1/datasets/{id}/quality.
package quality

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
	"function/shared/quality"
)

const path = "/v1/datasets/{id}/quality"

// Service declares the function.
var Service = function.Service("datasets-quality", New,
	function.On(function.Get("datasets-list-quality", path, "List the checks of a data set's versions", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("With the result of every rule, so that the list is the trend of each rule, too."), (*Function).List),
	function.On(function.Get("datasets-get-quality", path+"/{version}", "Show how a version met its contract", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("With a sentence for each rule. The rows that fail are all in version `failures.version` of the data set `failures.dataset_id`, where `_rule` names the rule."), (*Function).Get),
	function.On(function.Get("datasets-suggest-contract", path+"/suggestions", "Suggest a contract by the profile of the current version", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("The current version meets every suggested rule. Change what is accidental, and send the rest to `PUT /v1/datasets/{id}/contract`."), (*Function).Suggest),
).Uses(function.Owns(database.Datasets))

// Summary is the check of a version.
type Summary struct {
	ID       uuid.UUID `json:"-"`
	Version  int       `json:"version"`
	Branch   string    `json:"branch"`
	Status   string    `json:"status" enum:"processing,ready,failed,blocked,expired" doc:"Of the version"`
	Revision int       `json:"revision" doc:"The revision of the contract that the version was checked against"`
	Score    *float64  `json:"score,omitempty" minimum:"0" maximum:"1" doc:"The share of the weight of the rules that passed; absent if no rule was evaluated"`
	Rules    []Outcome `json:"rules" nullable:"false"`
	At       time.Time `json:"checked_at"`
}

// Outcome is the result of a rule in short.
type Outcome struct {
	Rule     string   `json:"rule"`
	Status   string   `json:"status" enum:"passed,failed,error,skipped"`
	Failed   int64    `json:"failed"`
	Measured *float64 `json:"measured,omitempty"`
}

// Failures says where the failing rows are.
type Failures struct {
	DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
	Name      string    `json:"name" doc:"Its name in SQL"`
	Version   int       `json:"version"`
}

// Acceptance says who accepted a blocked version.
type Acceptance struct {
	By     uuid.UUID `json:"by" format:"uuid"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// Detail is the check of a version with all results.
type Detail struct {
	Version  int              `json:"version"`
	Status   string           `json:"status" enum:"processing,ready,failed,blocked,expired" doc:"Of the version"`
	Revision int              `json:"revision" doc:"The revision of the contract that the version was checked against"`
	Score    *float64         `json:"score,omitempty" minimum:"0" maximum:"1"`
	Results  []quality.Result `json:"results" nullable:"false"`
	Failures *Failures        `json:"failures,omitempty" doc:"Where the failing rows are; absent if no row fails, or they were deleted"`
	Accepted *Acceptance      `json:"accepted,omitempty"`
	At       time.Time        `json:"checked_at"`
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
}

// ListResponse is one page of checks.
type ListResponse struct{ Body page.Page[Summary] }

// Request identifies a version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version int       `path:"version" minimum:"1" maximum:"2147483647"`
}

// Response is the check of a version.
type Response struct{ Body Detail }

// Function shows checks.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

var errNotChecked = fault.New(fault.NotFound, "This version was not checked against a contract, or there is no such version")

const (
	selectChecks = `
SELECT q.id, q.version, v.branch, v.status, q.revision, q.score, q.checked_at AS at, q.results
FROM dataset_quality q JOIN dataset_versions v USING (dataset_id, version)
WHERE q.dataset_id = @dataset AND q.id < @before ORDER BY q.id DESC LIMIT @limit`
	selectCheck = `
SELECT q.version, v.status, q.revision, q.score, q.results, q.checked_at AS at, f.id AS failures_id, f.name AS failures_name, q.failures_version,
       q.accepted_by, q.accepted_at, q.accepted_reason
FROM dataset_quality q JOIN dataset_versions v USING (dataset_id, version) LEFT JOIN datasets f ON f.id = q.failures_dataset AND f.deleted_at IS NULL
WHERE q.dataset_id = $1 AND q.version = $2`
)

type storedCheck struct {
	ID       uuid.UUID
	Version  int
	Branch   string
	Status   string
	Revision int
	Score    *float64
	At       time.Time
	Results  []byte
}

// List lists checks, newest first.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.db, in.Query, func(c storedCheck) uuid.UUID { return c.ID }, selectChecks, pgx.NamedArgs{"dataset": in.ID})
	if err != nil {
		return nil, err
	}
	body, err := page.Map(found, func(c storedCheck) (Summary, error) {
		s := Summary{ID: c.ID, Version: c.Version, Branch: c.Branch, Status: c.Status, Revision: c.Revision, Score: c.Score, At: c.At, Rules: []Outcome{}}
		return s, decode(c.Results, &s.Rules)
	})
	return &ListResponse{Body: body}, err
}

func decode(results []byte, into any) error {
	if err := json.Unmarshal(results, into); err != nil {
		return fmt.Errorf("decode results: %w", err)
	}
	return nil
}

// Get shows the check of a version.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	if err := f.own(ctx, in.ID); err != nil {
		return nil, err
	}
	c, err := database.One[struct {
		Version, Revision int
		Status            string
		Score             *float64
		Results           []byte
		At                time.Time
		FailuresID        *uuid.UUID
		FailuresName      *string
		FailuresVersion   *int
		AcceptedBy        *uuid.UUID
		AcceptedAt        *time.Time
		AcceptedReason    *string
	}](ctx, f.db, errNotChecked, selectCheck, in.ID, in.Version)
	if err != nil {
		return nil, err
	}
	out := &Response{Body: Detail{Version: c.Version, Status: c.Status, Revision: c.Revision, Score: c.Score, At: c.At}}
	if c.FailuresID != nil && c.FailuresVersion != nil {
		out.Body.Failures = &Failures{*c.FailuresID, *c.FailuresName, *c.FailuresVersion}
	}
	if c.AcceptedBy != nil {
		out.Body.Accepted = &Acceptance{*c.AcceptedBy, *c.AcceptedAt, *c.AcceptedReason}
	}
	return out, decode(c.Results, &out.Body.Results)
}

func (f *Function) own(ctx context.Context, id uuid.UUID) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	reader := access.Of(caller)
	if err := dataset.Changeable(ctx, f.db, dataset.Table, id, reader); err != nil {
		return err
	}
	return dataset.SeesAll(ctx, f.db, id, reader)
}
