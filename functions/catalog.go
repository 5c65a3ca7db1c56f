// Package functions is the platform's table of contents: one line for each
// function, which is one folder and one Knative Service.
package functions

import (
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	deadletters "function/functions/platform/dead-letters"
	outboxrelay "function/functions/platform/outbox-relay"
	approvemember "function/functions/users/approve-member"
	disposesessions "function/functions/users/dispose-sessions"
	"function/functions/users/jwks"
	"function/functions/users/login"
	"function/functions/users/logout"
	"function/functions/users/profile"
	"function/functions/users/refresh"
	"function/functions/users/register"
	"function/shared/function"
)

// Catalog is every function.
var Catalog = []function.Declaration{
	// Users: accounts, sessions, organizations.
	function.Endpoint(register.Operation, register.New),
	function.Endpoint(login.Operation, login.New),
	function.Endpoint(refresh.Operation, refresh.New),
	function.Endpoint(logout.Operation, logout.New),
	function.Endpoint(profile.Operation, profile.New),
	function.Endpoint(jwks.Operation, jwks.New),
	function.Endpoint(approvemember.Operation, approvemember.New),
	function.Subscriber("users-dispose-sessions", disposesessions.New),

	// Compliance: how long what has ended is kept, and the record of its disposal.
	function.Endpoint(listpolicies.Operation, listpolicies.New),
	function.Endpoint(setpolicy.Operation, setpolicy.New),
	function.Endpoint(resetpolicy.Operation, resetpolicy.New),
	function.Endpoint(listdisposals.Operation, listdisposals.New),
	function.Scheduled("compliance-retention-sweep", retentionsweep.Schedule, retentionsweep.New),
	function.Subscriber("compliance-record-disposal", recorddisposal.New),

	// Platform: what keeps the rest going.
	function.Scheduled("platform-outbox-relay", outboxrelay.Schedule, outboxrelay.New),
	function.Service("platform-dead-letters", deadletters.New, deadletters.Parts...),
}
