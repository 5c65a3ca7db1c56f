// Package policy decides who may do what: role-based access control in the words of
// INCITS 359. A permission is named resource:action, a role is a set of permissions,
// and a subject has the roles of a membership and of grants; an API key narrows them
// to its scopes. Every request passes [Decide] before its function sees it.
package policy

import (
	"fmt"
	"slices"
	"time"
)

// FreshProof is how long ago a subject may have proved who they are for what needs
// a fresh proof (step-up authentication, OWASP ASVS 5.0 §7.5).
const FreshProof = 15 * time.Minute

// Subject is somebody who wants to do something in an organization.
type Subject struct {
	Roles             []string     // held in the organization, or PlatformAdmin
	CustomPermissions []Permission // of those roles that are the organization's own
	Limited           bool         // to Scopes: an API key
	Scopes            []Permission
	BlockedBy         string    // why a member has no role yet; see Waits
	AdminBlockedBy    string    // why a platform admin has not that role now; empty for everybody else
	ProvedAt          time.Time // when they last proved who they are, by a second factor if they have one
	ExternalIssuer    bool      // they prove it to another issuer of tokens, not here
	Impersonated      bool      // a platform admin acts as them
}

// What a person may have to do, or to wait for, before their roles count.
const (
	BlockedByApproval     = "approval"
	BlockedByMembership   = "membership"
	BlockedByPassword     = "password"
	BlockedBySecondFactor = "second_factor"
	BlockedByOrganization = "organization"
	BlockedByAdminFactor  = "admin_second_factor" // of platform admins alone
)

var blocked = map[string]string{
	BlockedByApproval:     "Your membership is not approved yet: ask an owner of the organization to approve it, then log in again",
	BlockedByMembership:   "You are no longer a member of this organization: switch to another one (POST /v1/users/sessions/organization)",
	BlockedByPassword:     "Choose a new password first: POST /v1/users/password/change, or /v1/users/password/forgot if your current password no longer works",
	BlockedBySecondFactor: "Your organization requires a second factor: enrol one under /v1/users/mfa, or log in with it",
	BlockedByOrganization: "This organization is being deleted: switch to another one (POST /v1/users/sessions/organization)",
	BlockedByAdminFactor:  "Platform admins need a second factor: enrol one under /v1/users/mfa, or log in with it",
}

// Need is what an operation asks of its caller.
type Need struct {
	Permission         Permission // empty: to be known
	Fresh              bool       // and to have proved it lately: nobody who acts as somebody else has
	NoImpersonation    bool       // and to be nobody who acts as somebody else
	AllowedBeforeSetup bool       // and it is for those, too, who have to choose a new password first

	ServiceAccount bool // and to come with an API key of a service account
	Public         bool // nothing: no token is looked at
}

// Who may call an operation for which no permission is needed.
var (
	Public = Need{Public: true} // anybody
	Person = Need{}             // a person who is logged in, about their own things
)

// Need is what an operation asks of its caller.
func (n Need) Need() Need { return n }

// Need asks for the permission in the caller's organization.
func (p Permission) Need() Need { return Need{Permission: p} }

// WithFreshProof asks for the permission and a fresh proof.
func (p Permission) WithFreshProof() Need { return p.Need().WithFreshProof() }

// WithoutImpersonation asks for the permission, and lets no impersonator in.
func (p Permission) WithoutImpersonation() Need { return p.Need().WithoutImpersonation() }

// OfServiceAccount asks for the permission and an API key of a service account.
func (p Permission) OfServiceAccount() Need { return Need{Permission: p, ServiceAccount: true} }

// WithFreshProof asks for a fresh proof besides (see [FreshProof]).
func (n Need) WithFreshProof() Need { n.Fresh = true; return n }

// WithoutImpersonation lets no impersonator in: what shows a secret, or gives access,
// must not outlive an impersonation. A fresh proof is the person's own anyway.
func (n Need) WithoutImpersonation() Need { n.NoImpersonation = true; return n }

// BeforeSetup lets those in, too, who have to choose a new password first.
func (n Need) BeforeSetup() Need { n.AllowedBeforeSetup = true; return n }

// Decision is an answer and its reason.
type Decision struct {
	Allowed bool
	Role    string // that allows it; empty: one of the organization's own roles, or no permission was needed
	Reason  string // a sentence for the person
	StepUp  bool   // a fresh proof would allow it
}

// Decide tells whether a subject may do what needs need, and why. What outlives a
// session, such as a key, a password or another's access, is no impersonator's to give,
// and who has to choose a new password does nothing else before.
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

// stepUp tells how to give a fresh proof: here, or to the issuer of the token (OpenID
// Connect Core §3.1.2.1, RFC 9470 §4).
func (s Subject) stepUp() string {
	if s.ExternalIssuer {
		return fmt.Sprintf("This requires step-up authentication: log in at your issuer again with max_age=%.0f to get a token that contains auth_time"+
			" (and an amr with mfa if you have a second factor here), then try again", FreshProof.Seconds())
	}
	return "This requires step-up authentication: use POST /v1/users/mfa/step-up, then try again"
}

// Covers tells whether a subject may do all of some things: nobody gives away what
// they do not have.
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
