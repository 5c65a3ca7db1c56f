// Package functions is the platform's table of contents: the functions and commands of
// every domain.
package functions

import (
	"slices"
	"time"

	createreport "function/functions/analytics/create-report"
	deletereport "function/functions/analytics/delete-report"
	eraseanalytics "function/functions/analytics/erase-organization"
	getreport "function/functions/analytics/get-report"
	getrun "function/functions/analytics/get-run"
	listreports "function/functions/analytics/list-reports"
	listruns "function/functions/analytics/list-runs"
	projectdatasets "function/functions/analytics/project-datasets"
	projectlogins "function/functions/analytics/project-logins"
	projectusers "function/functions/analytics/project-users"
	"function/functions/analytics/query"
	runchart "function/functions/analytics/run-chart"
	runreport "function/functions/analytics/run-report"
	schedulereports "function/functions/analytics/schedule-reports"
	startrun "function/functions/analytics/start-run"
	"function/functions/compliance"
	createdataset "function/functions/datasets/create"
	deletedataset "function/functions/datasets/delete"
	disposedatasets "function/functions/datasets/dispose"
	downloaddataset "function/functions/datasets/download"
	erasedatasets "function/functions/datasets/erase-organization"
	getdataset "function/functions/datasets/get"
	listdatasets "function/functions/datasets/list"
	profiledataset "function/functions/datasets/profile"
	datasetstatus "function/functions/datasets/status"
	uploaddataset "function/functions/datasets/upload"
	"function/functions/platform"
	"function/functions/users"
	"function/shared/function"
)

// Catalog is every function.
var Catalog = slices.Concat(users.Functions, []function.Declaration{
	// Data sets: files that are tables, their versions and profiles.
	createdataset.Service,
	listdatasets.Service,
	getdataset.Service,
	datasetstatus.Service,
	deletedataset.Service,
	uploaddataset.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),
	downloaddataset.Service.
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	profiledataset.Service.
		Scaled(function.Scale{Memory: "768Mi", CPU: "2", Concurrency: 1, Timeout: 10 * time.Minute}),
	disposedatasets.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	erasedatasets.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Analytics: people's own SQL, reports, and what SQL sees of the other domains.
	query.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 20, Timeout: 5 * time.Minute}),
	createreport.Service,
	listreports.Service,
	getreport.Service,
	deletereport.Service,
	startrun.Service,
	listruns.Service,
	getrun.Service,
	runchart.Service,
	schedulereports.Service,
	runreport.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 2, Timeout: 5 * time.Minute}),
	projectusers.Service,
	projectlogins.Service,
	projectdatasets.Service,
	eraseanalytics.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
}, compliance.Functions, platform.Functions)

// Commands are what only an operator does.
var Commands = slices.Concat(users.Commands, platform.Commands)
