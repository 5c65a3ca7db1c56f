// Package retention holds the retention policies, which say how long a record outlives
// its end, and tells the other domains of them.
package retention

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Resource is a kind of record that policies are about.
type Resource string

type resource struct {
	name     Resource
	keepDays int
}

// resources are what policies are about, by name, with the default in days for which each
// is kept. A domain that disposes of one declares that by retention.Dispose.
var resources = []resource{
	{"datasets", 30}, // from their deletion
	{"sessions", 30}, // from their end: logout or expiry
}

// Known tells whether there are policies about it.
func (r Resource) Known() bool {
	return slices.ContainsFunc(resources, func(known resource) bool { return known.name == r })
}

// Schema lists the resources in the API's description, and refuses others.
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
	OriginOwn     = "own"     // the organization has set it
	OriginDefault = "default" // the platform's, for want of an own one
)

// Policy is how long an organization keeps one resource.
type Policy struct {
	Resource Resource `json:"resource"`
	KeepDays int      `json:"keep_days" doc:"Days after its end or deletion"`
	Origin   string   `json:"origin" enum:"own,default" doc:"Whether the organization or the platform has set it"`
}

// Store is what every function about retention opens.
type Store struct{ DB *outbox.DB }

// Open opens the domain's database, which it shares with the users domain.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Compliance)
	return Store{DB: db}, err
}
