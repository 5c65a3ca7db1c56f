// Package eraseorganization schedules the end of a deleted organization's retention policies. It
// runs when the users domain has deleted the organization permanently.
//
// The organization's remaining data is disposed of according to its policies, so each policy must
// outlive the organization by its own retention period. The record of disposals stays (SOX, HIPAA
// §164.316).
package eraseorganization

import (
	"function/shared/database"
	"function/shared/erasure"
)

// Service declares the function.
var Service = erasure.Organization("compliance-erase-organization", database.Compliance, erasure.Statement(endPolicies))

// The extra month allows for domains that learn of the deletion later than this one. Anything
// left after that is disposed of according to the platform's default policy.
const endPolicies = `
UPDATE compliance.retention_policies SET ends_at = now() + make_interval(days => keep_days + 30)
WHERE organization_id = $1 AND ends_at IS NULL AND keep_days IS NOT NULL`
