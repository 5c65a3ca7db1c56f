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
var Catalog = slices.Concat(users.Functions, datasets.Functions, analytics.Functions, []function.Declaration{
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
