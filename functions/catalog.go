// Package functions is the platform's table of contents: the functions and commands of
// every domain.
package functions

import (
	"slices"
	"time"

	"function/functions/analytics"
	endpolicies "function/functions/compliance/erase-organization"
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
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
}, analytics.Functions, []function.Declaration{
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
