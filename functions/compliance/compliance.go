// Package compliance is how long what has ended is kept, and the record of its disposal.
// This is its table of contents: a line for each function, which is one folder and one
// Knative Service.
package compliance

import (
	eraseorganization "function/functions/compliance/erase-organization"
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	republishpolicies "function/functions/compliance/republish-policies"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	"function/shared/function"
)

// Functions are those of the domain.
var Functions = []function.Declaration{
	listpolicies.Service,
	setpolicy.Service,
	resetpolicy.Service,
	republishpolicies.Service,
	listdisposals.Service,
	retentionsweep.Service,
	recorddisposal.Service,
	eraseorganization.Service,
}
