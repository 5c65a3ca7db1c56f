// Package eraseorganization lets the retention policies of an organization that is gone
// run out. It runs when the users domain has deleted the organization for good.
//
// What the organization left is disposed of as its policy says, so that the policy has
// to outlive it for as long. The record of disposals stays (SOX, HIPAA §164.316).
package eraseorganization

import (
	"function/shared/database"
	"function/shared/erasure"
)

// Service declares the function.
var Service = erasure.Organization("compliance-erase-organization", database.Compliance, erasure.Statement(endPolicies))

// The other domains may learn of it later than this one: a month is ample. What is left
// even then is disposed of by the platform's own policy.
const endPolicies = `
UPDATE compliance.retention_policies SET ends_at = now() + make_interval(days => keep_days + 30)
WHERE organization_id = $1 AND ends_at IS NULL AND keep_days IS NOT NULL`
