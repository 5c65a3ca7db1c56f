// Package retention stores the retention policies, which define how long records are kept after
// their end, and publishes them to the other domains.
package retention

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Resource is a kind of record that has retention policies.
type Resource string

type resource struct {
	name     Resource
	keepDays int
}

// resources lists the resources with their default retention in days. The domain that disposes of
// a resource declares so with retention.Dispose.
var resources = []resource{
	{"datasets", 30}, // after deletion
	{"sessions", 30}, // after logout or expiry
}

// Known reports whether the resource has retention policies.
func (r Resource) Known() bool {
	return slices.ContainsFunc(resources, func(known resource) bool { return known.name == r })
}

// Schema returns the resources as an enum for the API description and for validation.
func (Resource) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, r := range resources {
		s.Enum = append(s.Enum, string(r.name))
	}
	s.PrecomputeMessages()
	return s
}

// The origins of a policy.
const (
	OriginOwn     = "own"     // set by the organization
	OriginDefault = "default" // the platform's default
)

// Policy is how long an organization keeps a resource.
type Policy struct {
	Resource Resource `json:"resource"`
	KeepDays int      `json:"keep_days" doc:"Days that a record is kept after its end or deletion"`
	Origin   string   `json:"origin" enum:"own,default" doc:"Whether the organization set the policy or it is the platform's default"`
}

// Store is the database of the retention functions.
type Store struct{ DB *outbox.DB }

// Open connects to the domain's database, which it shares with the users domain.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Compliance)
	return Store{DB: db}, err
}
