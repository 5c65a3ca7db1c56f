package function

import (
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// Security is what an operation asks of its caller, in OpenAPI's terms: the words
// beside "bearer" are the permission, fresh for a fresh proof, service_account for an API
// key of one, themselves where nobody who acts as the person is let in, and unready where
// those are, too, who have to choose a new password first.
type Security = []map[string][]string

const (
	bearer         = "bearer"
	fresh          = "fresh"
	serviceAccount = "service_account"
	themselves     = "themselves"
	unready        = "unready"
)

// What an operation can ask of its caller beside a permission.
var (
	Person      = Security{{bearer: {}}}      // to be a person who is logged in, about whose own things it is
	FreshPerson = Security{{bearer: {fresh}}} // and who has proved it lately (policy.FreshProof)
)

// Needs asks for a permission in the caller's organization.
func Needs(p policy.Permission) Security { return Security{{bearer: {string(p)}}} }

// NeedsFresh asks for a permission and a fresh proof.
func NeedsFresh(p policy.Permission) Security { return Security{{bearer: {string(p), fresh}}} }

// NeedsServiceAccount asks for a permission and an API key of a service account.
func NeedsServiceAccount(p policy.Permission) Security {
	return Security{{bearer: {string(p), serviceAccount}}}
}

// Themselves lets nobody in who acts as the person: what shows a secret, or gives
// access, must not outlive the half hour of an impersonation. A fresh proof is the
// person's own anyway.
func Themselves(s Security) Security { return with(s, themselves) }

// Unready lets those in, too, who have to choose a new password first.
func Unready(s Security) Security { return with(s, unready) }

func with(s Security, word string) Security {
	return Security{{bearer: append(slices.Clone(s[0][bearer]), word)}}
}

// demand is what an operation with security asks of its caller.
type demand struct {
	policy.Need
	programs bool // to come with an API key of a service account
}

func demandOf(operation huma.Operation) (d demand) {
	for _, word := range operation.Security[0][bearer] {
		switch word {
		case fresh:
			d.Fresh = true
		case serviceAccount:
			d.programs = true
		case themselves:
			d.Themselves = true
		case unready:
			d.Unready = true
		default:
			d.Permission = policy.Permission(word)
		}
	}
	return d
}

// permit lets policy decide.
func permit(caller auth.Caller, need demand) error {
	if need.programs && caller.Kind != auth.ServiceAccount {
		return fault.New(fault.Forbidden, "This is for programs: it takes an API key of a service account (POST /v1/organizations/{id}/service-accounts)")
	}
	if need.Permission == "" && caller.Kind != auth.Person {
		return fault.New(fault.Forbidden, "This is a person's own: an API key cannot do it")
	}
	d := policy.Decide(caller.Subject, need.Need, time.Now())
	switch {
	case d.StepUp:
		return fault.New(fault.NotProved, "%s", d.Reason)
	case !d.Allowed:
		return fault.New(fault.Forbidden, "%s", d.Reason)
	}
	return nil
}
