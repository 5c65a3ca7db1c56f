// Package analytics lists the functions that run users' SQL, run reports, and project events of
// other domains into tables that SQL can read. Each function is one folder and one Knative
// Service.
package analytics

import (
	"time"

	createreport "function/functions/analytics/create-report"
	deletereport "function/functions/analytics/delete-report"
	eraseorganization "function/functions/analytics/erase-organization"
	failrun "function/functions/analytics/fail-run"
	getreport "function/functions/analytics/get-report"
	getrun "function/functions/analytics/get-run"
	listreports "function/functions/analytics/list-reports"
	listruns "function/functions/analytics/list-runs"
	projectdatasets "function/functions/analytics/project-datasets"
	projectlogins "function/functions/analytics/project-logins"
	projectusers "function/functions/analytics/project-users"
	"function/functions/analytics/queries"
	"function/functions/analytics/query"
	runchart "function/functions/analytics/run-chart"
	runreport "function/functions/analytics/run-report"
	schedulereports "function/functions/analytics/schedule-reports"
	startrun "function/functions/analytics/start-run"
	"function/shared/function"
)

// Scales that differ from the defaults in knative/base.
var (
	querying  = function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 20, Timeout: 5 * time.Minute}
	reporting = function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 2, Timeout: 5 * time.Minute}
	long      = function.Scale{Timeout: 10 * time.Minute}
)

// Functions are the functions of the analytics domain.
var Functions = []function.Declaration{
	// Ad-hoc SQL queries.
	query.Service.Scaled(querying),
	queries.Service,

	// Reports and their runs.
	createreport.Service,
	listreports.Service,
	getreport.Service,
	deletereport.Service,
	startrun.Service,
	listruns.Service,
	getrun.Service,
	runchart.Service,
	schedulereports.Service,
	runreport.Service.Scaled(reporting),
	failrun.Service,

	// Projections of other domains' events for SQL.
	projectusers.Service,
	projectlogins.Service,
	projectdatasets.Service,

	// Erasure of an organization.
	eraseorganization.Service.Scaled(long),
}
