// Package privacy shows people which data is stored about them and what was done with it:
// consent, activity and audit trails (GDPR Articles 7 and 15).
package privacy

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/session"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/page"
	"function/shared/secret"
)

// Activity is an entry of an audit trail as shown to the person who did it or to whom it was
// done (GDPR Article 15). It does not identify other people. Of another actor it only says in
// which capacity they acted, in line with the ruling of the Court of Justice on people who act
// under a controller's authority (C-579/21).
type Activity struct {
	ID             uuid.UUID       `json:"id" format:"uuid"`
	At             time.Time       `json:"at"`
	Action         string          `json:"action" doc:"resource:verb, as in the audit trail" example:"sessions:begin"`
	What           string          `json:"what" doc:"The action in words" example:"Login"`
	By             string          `json:"by" enum:"you,admin_as_you,platform_admin,organization,platform,unknown" doc:"admin_as_you: a platform admin acting as you; organization: one of its members or programs; platform: an automatic action; unknown: nobody was logged in"`
	Result         string          `json:"result" enum:"done,refused"`
	Refusal        string          `json:"refusal,omitempty" doc:"Why it was refused"`
	Reason         string          `json:"reason,omitempty" doc:"The reason that the platform admin gave"`
	OrganizationID *uuid.UUID      `json:"organization_id,omitempty" format:"uuid" doc:"Organization whose trail contains the entry; absent: the platform's trail"`
	ResourceID     string          `json:"resource_id,omitempty" doc:"Identifier of what it was done to, unless that is another person"`
	Network        string          `json:"network,omitempty" doc:"Network of the request (/24 or /48); absent if another person made it"`
	Country        string          `json:"country,omitempty" doc:"Country of the network (ISO 3166-1 alpha-2)" example:"DE"`
	Device         *session.Device `json:"device,omitempty" doc:"Device of the session concerned, while the session is kept"`
}

// An organization's trail repeats what a platform admin did, without the reason, so those
// entries are left out. The reason for an erasure is sealed with the admin's own key.
const (
	selectActivity = `
WITH about AS (
    (SELECT * FROM audit_entries WHERE actor_id = @person AND id < @before ORDER BY id DESC LIMIT @limit)
    UNION ALL
    (SELECT * FROM audit_entries WHERE resource_id = @person::text AND actor_id <> @person AND id < @before
       AND detail ->> 'by' IS DISTINCT FROM 'platform_admin' ORDER BY id DESC LIMIT @limit)
)
SELECT a.id, a.organization_id, a.at, a.actor_kind, a.actor_id, a.impersonator_id, a.action, a.resource_id, a.result, a.reason, a.network,
       coalesce(CASE WHEN a.resource_id = @person::text THEN a.detail ->> 'sealed_reason' ELSE a.detail ->> 'actors_reason' END, '') AS sealed_reason, `
	withDevice = `s.device
FROM about a LEFT JOIN sessions s ON s.user_id = @person
    AND s.id = CASE WHEN coalesce(a.detail ->> 'session', a.resource_id) ~ '^[0-9a-f-]{36}$' THEN coalesce(a.detail ->> 'session', a.resource_id)::uuid END
ORDER BY a.id DESC LIMIT @limit`
	withoutDevice = `NULL::bytea AS device FROM about a ORDER BY a.id DESC LIMIT @limit`
)

type activityRow struct {
	ID, OrganizationID, ActorID   uuid.UUID
	At                            time.Time
	ActorKind, Action, ResourceID string
	ImpersonatorID                *uuid.UUID
	Result, Reason, Network       string
	SealedReason                  string
	Device                        []byte
}

// ActivityOf lists the entries of a trail, in its database, that are about a person. Without
// the person's key, devices and reasons stay sealed.
func ActivityOf(ctx context.Context, db database.Querier, trail audit.Trail, person uuid.UUID, key []byte, q page.Query) (page.Page[Activity], error) {
	statement := selectActivity + withoutDevice
	if trail == audit.UsersTrail { // the only database with sessions
		statement = selectActivity + withDevice
	}
	rows, err := page.List(ctx, db, q, func(r activityRow) uuid.UUID { return r.ID }, statement, pgx.NamedArgs{"person": person})
	if err != nil {
		return page.Page[Activity]{}, fmt.Errorf("read activity of user %s in trail %s: %w", person, trail, err)
	}
	return page.Map(rows, func(r activityRow) (Activity, error) { return r.activity(person, key) })
}

func (r activityRow) activity(person uuid.UUID, key []byte) (a Activity, err error) {
	a = Activity{ID: r.ID, At: r.At, Action: r.Action, What: describe(r.Action), By: r.by(person), Result: r.Result, Refusal: r.Reason}
	if r.OrganizationID != uuid.Nil {
		a.OrganizationID = &r.OrganizationID
	}
	if r.ResourceID == person.String() || !r.namesPerson() {
		a.ResourceID = r.ResourceID
	}
	if a.By == "you" || a.By == "unknown" {
		a.Network = r.Network
		if network, err := netip.ParsePrefix(r.Network); err == nil {
			a.Country = session.CountryOf(network.Addr())
		}
	}
	if key == nil {
		return a, nil
	}
	if r.Device != nil {
		agent, err := secret.Unseal(key, session.DeviceField, r.Device)
		if err != nil {
			return a, err
		}
		device := session.DeviceOf(agent)
		a.Device = &device
	}
	if r.SealedReason != "" {
		a.Reason, err = lifecycle.OpenReason(key, r.SealedReason)
	}
	return a, err
}

func (r activityRow) by(person uuid.UUID) string {
	switch {
	case r.ActorID == person && r.ImpersonatorID != nil:
		return "admin_as_you"
	case r.ActorID == person:
		return "you"
	case r.ActorKind == "nobody":
		return "unknown"
	case r.ActorKind == "platform":
		return "platform"
	case r.OrganizationID == uuid.Nil:
		return "platform_admin"
	}
	return "organization"
}

// namesPerson reports whether the action's resource identifies a person.
func (r activityRow) namesPerson() bool {
	of, _, _ := strings.Cut(r.Action, ":")
	return slices.Contains([]string{"accounts", "members", "platform_admins", "registrations", "roles", "team_members", "users"}, of)
}

// describe describes an action in words. Actions without a description are derived from their
// name.
func describe(action string) string {
	if words, ok := actionWords[action]; ok {
		return words
	}
	return strings.NewReplacer(":", ": ", "_", " ").Replace(action)
}

var actionWords = map[string]string{
	"accounts:delete":              "Account deleted",
	"accounts:unlock":              "Unlocked after failed logins",
	"api_keys:create":              "New API key",
	"api_keys:revoke":              "API key revoked",
	"api_keys:rotate":              "New secret of an API key",
	"consents:give":                "Consent given",
	"consents:withdraw":            "Consent withdrawn",
	"emails:ask_change":            "Email address change requested",
	"emails:change":                "Email address changed",
	"emails:send_verification":     "Confirmation mail requested",
	"emails:verify":                "Email address confirmed",
	"identities:link":              "Login of another issuer linked",
	"identities:unlink":            "Login of another issuer unlinked",
	"invitations:accept":           "Invitation accepted",
	"members:approve":              "Membership approved",
	"members:leave":                "Left the organization",
	"members:reject":               "Membership request rejected",
	"members:remove":               "Removed from the organization",
	"members:restore":              "Suspension in the organization ended",
	"members:suspend":              "Suspended in the organization",
	"passkeys:delete":              "Passkey deleted",
	"passkeys:login":               "Login with a passkey",
	"passkeys:register":            "New passkey",
	"passkeys:rename":              "Passkey renamed",
	"passwords:change":             "Password changed",
	"passwords:reset":              "Forgotten password replaced",
	"platform_admins:add":          "Made a platform admin",
	"platform_admins:remove":       "Platform admin rights revoked",
	"profile:change":               "Profile changed",
	"recovery_codes:replace":       "New recovery codes",
	"roles:assign":                 "Role in the organization changed",
	"second_factor:verify":         "Second factor used at login",
	"sessions:begin":               "Login",
	"sessions:end":                 "Logout",
	"sessions:refresh":             "Refresh token used",
	"sessions:revoke":              "Session ended",
	"sessions:step_up":             "Step-up authentication",
	"sessions:switch_organization": "Switched to another organization",
	"totp:confirm":                 "Authenticator app confirmed",
	"totp:enrol":                   "Authenticator app setup begun",
	"totp:remove":                  "Authenticator app removed",
	"users:erase":                  "Account erased",
	"users:export":                 "Personal data exported",
	"users:force_password_reset":   "New password required",
	"users:impersonate":            "Impersonation begun",
	"users:read":                   "Account viewed",
	"users:register":               "Account opened",
	"users:reset_second_factors":   "Second factors removed",
	"users:restore":                "Suspension of the account ended",
	"users:suspend":                "Account suspended",
	"users:unlock":                 "Unlocked after failed logins by a platform admin",
}
