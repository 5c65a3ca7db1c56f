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
	endpolicies "function/functions/compliance/erase-organization"
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	"function/functions/datasets"
	deadletters "function/functions/platform/dead-letters"
	erasedeadletters "function/functions/platform/erase-organization"
	"function/functions/platform/gateway"
	"function/functions/platform/metrics"
	"function/functions/platform/openapi"
	outboxrelay "function/functions/platform/outbox-relay"
	restartaudit "function/functions/platform/restart-audit"
	sealaudit "function/functions/platform/seal-audit"
	"function/functions/users"
	"function/shared/function"
)

// Catalog is every function.
var Catalog = slices.Concat(users.Functions, datasets.Functions, []function.Declaration{
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

	// Compliance: how long what has ended is kept, and the record of its disposal.
	listpolicies.Service,
	setpolicy.Service,
	resetpolicy.Service,
	listdisposals.Service,
	retentionsweep.Service,
	recorddisposal.Service,
	endpolicies.Service,

	// Platform: what keeps the rest going.
	outboxrelay.Service,
	sealaudit.Service,
	deadletters.Service,
	erasedeadletters.Service,
	metrics.Service,
	openapi.Service,
	gateway.Service.Also(gateway.Names...).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
})

// Commands are what only an operator does.
var Commands = append(slices.Clone(users.Commands), restartaudit.Command)
