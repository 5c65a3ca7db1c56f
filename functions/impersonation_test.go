package functions_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"function/shared/database"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/problem"
)

// themselves lists, by hand, what nobody does who acts as a person: what shows a secret,
// gives access, or is the person's own to prove or to agree to. An operation that is
// not here is one that an impersonator may; of sessions they may end their own.
const themselves = `
users-accept-invitation users-approve-member users-approve-role-change users-assign-role users-begin-passkey-registration
users-begin-passkey-step-up users-change-email users-change-password users-change-service-account users-claim-domain
users-confirm-totp users-create-api-key users-create-service-account-key users-define-role users-delete-organization
users-delete-passkey users-delete-role users-end-second-person users-enrol-totp users-erase-account users-erase-user
users-export-data users-finish-passkey-registration users-force-password-reset users-give-consent users-grant-platform-admin
users-grant-role users-hand-over-team users-impersonate users-invite users-link-identity users-reject-role-change
users-remove-domain users-remove-totp users-replace-recovery-codes users-reset-second-factors users-restore-member
users-restore-user users-revoke-all-sessions users-revoke-grant users-revoke-platform-admin users-revoke-session
users-rotate-api-key users-rotate-service-account-key users-step-up users-suspend-user users-take-back-team
users-transfer-ownership users-unlink-identity users-unlock-user users-verify-domain users-withdraw-consent`

// unready lists what somebody may who has to choose a new password first.
const unready = `users-change-password users-logout users-profile
users-list-own-consents users-list-consent-history users-withdraw-consent`

// refusedFor tells whether an operation was refused for a reason.
func refusedFor(t *testing.T, a platformtest.Answer, reason string) bool {
	t.Helper()
	return a.Status == 403 && strings.HasPrefix(platformtest.Decode[problem.Problem](t, a).Detail, reason)
}

func TestImpersonatorsGiveNothingThatOutlivesThem(t *testing.T) {
	t.Parallel()
	p := platform(t)
	for id, o := range operations() {
		if o.Need.Public {
			continue
		}
		c := p.Login(policy.Owner)
		p.Impersonate(c.UserID)
		got := refusedFor(t, answer(p, c.Token, o, c.OrganizationID, `{}`), "Only the person does this")
		if want := slices.Contains(strings.Fields(themselves), id); got != want {
			t.Errorf("%s refuses an impersonator: %v, want %v", id, got, want)
		}
	}
}

func TestWhoMustChooseAPasswordDoesNothingElse(t *testing.T) {
	t.Parallel()
	p := platform(t)
	for id, o := range operations() {
		if o.Need.Public || o.Need.ServiceAccount {
			continue
		}
		// Also where the organization has not let them in, and with the platform's powers.
		c := loginAs(t, p, policy.PlatformAdmin)
		if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE users SET must_change_password = true WHERE id = $1`, c.UserID); err != nil {
			t.Fatal(err)
		}
		got := refusedFor(t, answer(p, c.Token, o, c.OrganizationID, `{}`), "Choose a new password first")
		if want := !slices.Contains(strings.Fields(unready), id); got != want {
			t.Errorf("%s refuses: %v, want %v", id, got, want)
		}
	}
}
