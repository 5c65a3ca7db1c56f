// Package policy decides who may do what: role-based access control in the terms of INCITS 359. A
// permission is named resource:action, a role is a set of permissions, and a subject has the roles
// of a membership and of grants. An API key limits these to its scopes. The runtime checks every
// request with [Decide] before the function sees it.
package policy

import (
	"fmt"
	"slices"
	"time"
)

// FreshProof is the maximum age of a proof of identity where a fresh one is needed (step-up
// authentication, OWASP ASVS 5.0 §7.5).
const FreshProof = 15 * time.Minute

// Subject is a caller who wants to do something in an organization.
type Subject struct {
	Roles             []string     // in the organization, or PlatformAdmin
	CustomPermissions []Permission // from the organization's custom roles
	Limited           bool         // to Scopes, by an API key
	Scopes            []Permission
	BlockedBy         string    // why a member has no role yet; a BlockedBy constant
	AdminBlockedBy    string    // why a platform admin lacks that role now; empty for others
	ProvedAt          time.Time // latest proof of identity, with the second factor if there is one
	ExternalIssuer    bool      // proves identity to another token issuer, not here
	Impersonated      bool      // a platform admin acts as this person
}

// Reasons why a subject's roles do not apply yet.
const (
	BlockedByApproval     = "approval"
	BlockedByMembership   = "membership"
	BlockedByPassword     = "password"
	BlockedBySecondFactor = "second_factor"
	BlockedByOrganization = "organization"
	BlockedByAdminFactor  = "admin_second_factor" // only for platform admins
)

var blocked = map[string]string{
	BlockedByApproval:     "Your membership is not approved yet: ask an owner of the organization to approve it, then log in again",
	BlockedByMembership:   "You are no longer a member of this organization: switch to another one (POST /v1/users/sessions/organization)",
	BlockedByPassword:     "Choose a new password first: POST /v1/users/password/change, or /v1/users/password/forgot if your current password no longer works",
	BlockedBySecondFactor: "Your organization requires a second factor: enrol one under /v1/users/mfa, or log in with it",
	BlockedByOrganization: "This organization is being deleted: switch to another one (POST /v1/users/sessions/organization)",
	BlockedByAdminFactor:  "Platform admins need a second factor: enrol one under /v1/users/mfa, or log in with it",
}

// Need is what an operation requires of its caller.
type Need struct {
	Permission         Permission // empty: any authenticated caller
	Fresh              bool       // a fresh proof; impersonators never have one
	NoImpersonation    bool       // no impersonation
	AllowedBeforeSetup bool       // allowed before the caller has chosen a required new password

	ServiceAccount bool // an API key of a service account
	Public         bool // nothing: tokens are ignored
}

// Needs of operations that require no permission.
var (
	Public = Need{Public: true} // anyone
	Person = Need{}             // a logged-in person, about their own data
)

// Need returns n.
func (n Need) Need() Need { return n }

// Need requires the permission in the caller's organization.
func (p Permission) Need() Need { return Need{Permission: p} }

// WithFreshProof requires the permission and a fresh proof.
func (p Permission) WithFreshProof() Need { return p.Need().WithFreshProof() }

// WithoutImpersonation requires the permission and excludes impersonation.
func (p Permission) WithoutImpersonation() Need { return p.Need().WithoutImpersonation() }

// OfServiceAccount requires the permission and an API key of a service account.
func (p Permission) OfServiceAccount() Need { return Need{Permission: p, ServiceAccount: true} }

// WithFreshProof adds the requirement of a fresh proof (see [FreshProof]).
func (n Need) WithFreshProof() Need { n.Fresh = true; return n }

// WithoutImpersonation excludes impersonators. Use it where a secret is shown or access is given,
// which would outlive the impersonation. A fresh proof excludes them already.
func (n Need) WithoutImpersonation() Need { n.NoImpersonation = true; return n }

// BeforeSetup also allows callers who have yet to choose a required new password.
func (n Need) BeforeSetup() Need { n.AllowedBeforeSetup = true; return n }

// Decision is the result of [Decide].
type Decision struct {
	Allowed bool
	Role    string // the role that allows it; empty: a custom role, or no permission was needed
	Reason  string // a sentence for the caller
	StepUp  bool   // a fresh proof would allow it
}

// Decide reports whether a subject meets a need, and why. An impersonator never meets a need that
// requires a fresh proof or excludes impersonation. A subject who has to choose a new password
// first may do nothing else.
func Decide(s Subject, need Need, now time.Time) Decision {
	switch {
	case s.Impersonated && (need.NoImpersonation || need.Fresh):
		return Decision{Reason: "You cannot do this while acting as somebody else: only the person can"}
	case s.BlockedBy == BlockedByPassword && !need.AllowedBeforeSetup:
		return Decision{Reason: blocked[BlockedByPassword]}
	}
	d := allowed(s, need.Permission)
	if d.Allowed && need.Fresh && s.Limited {
		return Decision{Reason: "This requires step-up authentication, which is not possible with an API key: a person must do it"}
	}
	if d.Allowed && need.Fresh && now.Sub(s.ProvedAt) > FreshProof {
		return Decision{Reason: s.stepUp(), StepUp: true}
	}
	return d
}

// stepUp returns how to give a fresh proof: here, or to the token's issuer (OpenID Connect Core
// §3.1.2.1, RFC 9470 §4).
func (s Subject) stepUp() string {
	if s.ExternalIssuer {
		return fmt.Sprintf("This requires step-up authentication: log in at your issuer again with max_age=%.0f to get a token that contains auth_time"+
			" (and an amr with mfa if you have a second factor here), then try again", FreshProof.Seconds())
	}
	return "This requires step-up authentication: use POST /v1/users/mfa/step-up, then try again"
}

// Covers reports whether a subject has all the given permissions. Nobody can grant what they do not
// have.
func Covers(s Subject, all []Permission) bool {
	return !slices.ContainsFunc(all, func(p Permission) bool { return !allowed(s, p).Allowed })
}

func allowed(s Subject, p Permission) Decision {
	switch {
	case p == "":
		return Decision{Allowed: true, Reason: "Anyone who is logged in may do this"}
	case s.Limited && !slices.Contains(s.Scopes, p):
		return Decision{Reason: "This API key does not have the scope " + string(p)}
	}
	for _, role := range s.Roles {
		if slices.Contains(builtIn[role], p) {
			return Decision{Allowed: true, Role: role, Reason: "The role " + role + " allows " + string(p)}
		}
	}
	if slices.Contains(s.CustomPermissions, p) && slices.Contains(owner, p) {
		return Decision{Allowed: true, Reason: "A custom role of the organization allows " + string(p)}
	}
	if reason := blocked[s.AdminBlockedBy]; reason != "" && slices.Contains(builtIn[PlatformAdmin], p) {
		return Decision{Reason: reason}
	}
	if reason := blocked[s.BlockedBy]; reason != "" {
		return Decision{Reason: reason}
	}
	return Decision{Reason: "None of your roles allows " + string(p)}
}
