// Package compliance holds what the functions of the compliance domain share: the
// retention policies, which say how long a record outlives its end.
package compliance

import (
	"context"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// The resources that retention policies are about.
const (
	Sessions = "sessions" // kept from their end: logout or expiry
	Datasets = "datasets" // kept from their deletion
)

// The origins of a policy.
const (
	OriginOwn     = "own"     // the organization has set it
	OriginDefault = "default" // the platform's, for want of an own one
)

// Policy is how long an organization keeps one resource.
type Policy struct {
	Resource string `json:"resource" enum:"sessions,datasets"`
	KeepDays int    `json:"keep_days" doc:"Days after its end or deletion"`
	Origin   string `json:"origin" enum:"own,default" doc:"Whether the organization or the platform has set it"`
}

// Store is what every function of this domain opens.
type Store struct{ DB *outbox.DB }

// Open opens the domain's database, which it shares with the users domain.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Users)
	return Store{DB: db}, err
}
