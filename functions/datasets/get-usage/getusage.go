// Package getusage shows how often people read a data set, and who they are: GET /v1/datasets/{id}/usage.
package getusage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("datasets-get-usage", "/v1/datasets/{id}/usage", "Show how often a data set is read", policy.DatasetsRead).
	Describe("Counts queries that name the data set and downloads. A query is counted soon after it has ended. Reports that run on a schedule are not counted. "+
		"Who reads it is shown only with the permission datasets:govern."), New).
	Uses(function.Owns(database.Datasets))

// Request identifies the data set.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Days int       `query:"days" minimum:"1" maximum:"365" default:"30" doc:"How many days until today (UTC)"`
}

// Counts are reads.
type Counts struct {
	Queries   int64 `json:"queries"`
	Downloads int64 `json:"downloads"`
}

// Day is the reads of one day.
type Day struct {
	Day string `json:"day" format:"date"`
	Counts
}

// Reader is who reads.
type Reader struct {
	UserID uuid.UUID `json:"user_id" format:"uuid" doc:"A person or a service account"`
	Counts
}

// Response is the usage.
type Response struct {
	Body struct {
		Counts
		Popularity float64  `json:"popularity" doc:"All reads, each of which counts as one at first, and after 15 days as half"`
		Days       []Day    `json:"days" nullable:"false" doc:"Newest first, without days on which nobody read it"`
		Readers    []Reader `json:"readers,omitempty" doc:"The 20 who read it most, for those with the permission datasets:govern"`
	}
}

// Function shows usage.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	since      = ` FROM dataset_usage WHERE dataset_id = $1 AND day > (now() AT TIME ZONE 'UTC')::date - $2::int `
	sums       = `coalesce(sum(queries), 0)::bigint AS queries, coalesce(sum(downloads), 0)::bigint AS downloads`
	selectDays = `SELECT day::text, ` + sums + since + `GROUP BY day ORDER BY dataset_usage.day DESC`

	selectReaders    = `SELECT user_id, ` + sums + since + `GROUP BY user_id ORDER BY sum(queries) + sum(downloads) DESC, user_id LIMIT 20`
	selectPopularity = `SELECT coalesce((SELECT round(decayed(reads, at, now())::numeric, 2)::float8 FROM dataset_popularity WHERE dataset_id = $1), 0) AS popularity`
)

// Handle reads the usage.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.ChangeableOfAnyKind(ctx, f.db, in.ID, reader); err != nil {
		return nil, err
	}
	out := &Response{}
	rows, _ := f.db.Query(ctx, selectDays, in.ID, in.Days)
	if out.Body.Days, err = pgx.CollectRows(rows, pgx.RowToStructByName[Day]); err != nil {
		return nil, fmt.Errorf("read usage per day: %w", err)
	}
	for _, d := range out.Body.Days {
		out.Body.Queries += d.Queries
		out.Body.Downloads += d.Downloads
	}
	popularity, err := database.One[struct{ Popularity float64 }](ctx, f.db, pgx.ErrNoRows, selectPopularity, in.ID)
	if err != nil {
		return nil, fmt.Errorf("read popularity: %w", err)
	}
	out.Body.Popularity = popularity.Popularity
	if !reader.Governs {
		return out, nil
	}
	rows, _ = f.db.Query(ctx, selectReaders, in.ID, in.Days)
	if out.Body.Readers, err = pgx.CollectRows(rows, pgx.RowToStructByName[Reader]); err != nil {
		return nil, fmt.Errorf("read usage per reader: %w", err)
	}
	return out, nil
}
