// Package rewrapkeys wraps the keys of people, registrations, invitations and mails, and the seeds of
// signing keys, with the current key encryption key after a rotation. It runs every hour, and does
// nothing before the first rotation. What the keys seal does not change.
package rewrapkeys

import (
	"function/shared/database"
	"function/shared/rewrap"
)

// Service declares the function.
var Service = rewrap.Hourly("users-rewrap-keys", 33, database.Users,
	rewrap.Column{Table: "users", Name: "wrapped_key"},
	rewrap.Column{Table: "registrations", Name: "wrapped_key"},
	rewrap.Column{Table: "invitations", Name: "wrapped_key"},
	rewrap.Column{Table: "mails", Name: "wrapped_key"},
	rewrap.Column{Table: "provisioned_people", Name: "wrapped_key"},
	rewrap.Column{Table: "signing_keys", Name: "sealed_seed"})
