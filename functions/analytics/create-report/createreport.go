// Package createreport saves a query as a report that runs on request or on a schedule: POST
// /v1/analytics/reports.
package createreport

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/databases"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/report"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("analytics-create-report", "/v1/analytics/reports", "Create a report", policy.ReportsWrite).
	Status(http.StatusCreated).Fails(fault.Conflict).
	Describe("A report with a schedule runs automatically at each due time. Due times that passed while the platform was down lead to a single run, for the latest of them. A due time that daylight saving time skips is due when the skipped period ends; one that occurs twice is due the first time."), New).
	Uses(function.Owns(database.Analytics))

// Request describes the report.
type Request struct {
	Body struct {
		Name          string            `json:"name" minLength:"1" maxLength:"200"`
		SQL           string            `json:"query" minLength:"1" maxLength:"100000" doc:"As in POST /v1/analytics/query"`
		Database      string            `json:"database,omitempty" enum:"datasets,postgresql,clickhouse,elasticsearch,timescaledb" default:"datasets" doc:"As in POST /v1/analytics/query"`
		Parameters    []query.Parameter `json:"parameters,omitempty" maxItems:"100" doc:"As in POST /v1/analytics/query"`
		Visualization string            `json:"visualization,omitempty" enum:"chart,line,bar,area,scatter,table" default:"table" doc:"chart chooses the kind of chart from the data"`
		Schedule      string            `json:"schedule,omitempty" maxLength:"100" doc:"Cron expression: minute, hour, day of the month, month, day of the week (Sunday is 0 or 7). If absent, the report runs only on request" example:"0 6 1 * *"`
		Timezone      string            `json:"timezone,omitempty" maxLength:"100" default:"UTC" doc:"IANA time zone of the schedule, and of current_date and now() in the query" example:"Europe/Berlin"`
	}
}

// Response is the new report.
type Response struct{ Body report.Report }

// Function creates reports.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

const insertReport = `
INSERT INTO reports (id, organization_id, name, query, database, parameters, visualization, schedule, timezone, next_run_at, created_by)
VALUES (@id, @organization, @name, @query, @database, @parameters, @visualization, @schedule, @timezone, @next_run_at, @created_by)
RETURNING ` + report.Columns

// Handle validates everything that can be checked without running the query, and saves the
// report.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if err := databases.Check(b.Database); err != nil {
		return nil, err
	}
	if err := (query.Query{SQL: b.SQL}).Check(); err != nil {
		return nil, err
	}
	if strings.ContainsRune(b.Name, 0) {
		return nil, fault.At("body.name", "the name contains a NUL character")
	}
	schedule, next, err := due(b.Schedule, b.Timezone)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	var stored report.Report
	err = act.Do(ctx, f.db, audit.Entry{Action: "reports:create", ResourceID: id.String()}, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		stored, err = database.One[report.Report](ctx, tx, pgx.ErrNoRows, insertReport, pgx.NamedArgs{
			"id": id, "organization": caller.OrganizationID, "name": b.Name, "query": b.SQL, "database": b.Database,
			"parameters": append([]query.Parameter{}, b.Parameters...), "visualization": b.Visualization,
			"schedule": schedule, "timezone": b.Timezone, "next_run_at": next, "created_by": caller.UserID,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("insert report: %w", err)
	}
	return &Response{Body: report.WithNextRuns(stored)}, nil
}

func due(expression, timezone string) (*string, *time.Time, error) {
	if expression == "" {
		expression = "@yearly" // only to check the time zone
		_, err := report.ParseSchedule(expression, timezone)
		return nil, nil, err
	}
	schedule, err := report.ParseSchedule(expression, timezone)
	if err != nil {
		return nil, nil, err
	}
	return &expression, schedule.After(time.Now()), nil
}
