// Package eraseorganization deletes the dead letters of a deleted organization, because its members
// can no longer see them. It runs when the users domain has deleted the organization permanently.
// That event belongs to no organization, so its own dead letters remain and can be redelivered.
package eraseorganization

import (
	"function/shared/database"
	"function/shared/erasure"
)

// Service declares the function.
var Service = erasure.Organization("platform-erase-organization", database.Analytics, erasure.Table("platform", "dead_letters"))
