// Package eraseorganization deletes the dead letters of an organization that is gone:
// nobody is left who could see them. It runs when the users domain has deleted the
// organization for good. That event itself belongs to no organization, so that those whom
// it could not be delivered to get it yet.
package eraseorganization

import (
	"function/shared/database"
	"function/shared/erasure"
)

// Service declares the function.
var Service = erasure.Organization("platform-erase-organization", database.Analytics, erasure.Table("platform", "dead_letters"))
