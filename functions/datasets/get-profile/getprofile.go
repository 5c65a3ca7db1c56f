// Package getprofile shows the profile of a ready version: GET /v1/datasets/{id}/profile.
package getprofile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/distribution"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/ingest"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-get-profile", "/v1/datasets/{id}/profile", "Show the profile of a version", policy.DatasetsRead).Fails(fault.Conflict).
	Describe("Counts, minimums, maximums and top values describe all rows. Histograms, quantiles, patterns, examples and correlations describe a random sample if `sampled_rows` is present. "+
		"If a policy hides rows or masks columns from you, you see only the names and types of columns."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the version.
type Request struct {
	ID      uuid.UUID `path:"id" format:"uuid"`
	Version int       `query:"version" minimum:"1" maximum:"2147483647" doc:"A ready version; the current one if absent"`
}

// Column is the profile of a column.
type Column struct {
	Name                string            `json:"name"`
	Type                string            `json:"type"`
	Nulls               *int64            `json:"nulls,omitempty"`
	Distinct            *int64            `json:"distinct,omitempty"`
	DistinctApproximate *bool             `json:"distinct_approximate,omitempty" doc:"distinct is an estimate (HyperLogLog), a few percent off"`
	Min                 any               `json:"min,omitempty"`
	Max                 any               `json:"max,omitempty"`
	Mean                *float64          `json:"mean,omitempty"`
	TopValues           []ingest.TopValue `json:"top_values,omitempty" doc:"The ten most frequent values"`
	distribution.Column
}

// Response is the profile.
type Response struct {
	Body struct {
		Version      int                        `json:"version"`
		Rows         *int64                     `json:"row_count,omitempty"`
		SampledRows  *int64                     `json:"sampled_rows,omitempty" doc:"How many rows were sampled for histograms, quantiles, patterns, examples and correlations; absent if all were"`
		Columns      []Column                   `json:"columns" nullable:"false"`
		Correlations *distribution.Correlations `json:"correlations,omitempty"`
	}
}

// Function shows profiles.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const selectProfile = `
SELECT v.version, v.row_count AS rows, v.columns, v.distribution
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = CASE WHEN $2 = 0 THEN d.ready_version ELSE $2 END
WHERE d.id = $1 AND v.status = 'ready'`

var errNotReady = fault.New(fault.NotFound, "This data set has no ready version, or no such one")

// Handle reads the profile.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, reader); err != nil {
		return nil, err
	}
	view, err := access.Load(ctx, f.db, in.ID, reader, nil)
	if err != nil {
		return nil, err
	}
	v, err := database.One[struct {
		Version      int
		Rows         *int64
		Columns      *dataset.Profile
		Distribution []byte
	}](ctx, f.db, errNotReady, selectProfile, in.ID, in.Version)
	if err != nil {
		return nil, err
	}
	if err := v.Columns.Conceal(view); err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.Version, out.Body.Columns = v.Version, []Column{}
	if v.Columns != nil {
		if err := decode(v.Columns.RawMessage, &out.Body.Columns); err != nil {
			return nil, err
		}
	}
	if !view.Whole() {
		return out, nil
	}
	out.Body.Rows = v.Rows
	return out, out.describe(v.Distribution)
}

// describe adds the distribution, which old versions do not have.
func (r *Response) describe(stored []byte) error {
	var d distribution.Distribution
	if len(stored) == 0 {
		return nil
	}
	if err := decode(stored, &d); err != nil {
		return err
	}
	r.Body.SampledRows, r.Body.Correlations = d.Sampled, d.Correlations
	for i := range min(len(d.Columns), len(r.Body.Columns)) {
		r.Body.Columns[i].Column = d.Columns[i]
	}
	return nil
}

// decode keeps all digits of numbers.
func decode(stored []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(stored))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decode profile: %w", err)
	}
	return nil
}
