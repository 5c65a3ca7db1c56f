// Package compliance lists the functions that manage retention policies and record disposals.
// Each function is one folder and one Knative Service.
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

// Functions are the functions of the compliance domain.
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
