package functions_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"function/shared/database"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/problem"
)

// borrowed lists, by hand, what somebody may change who acts as a person: nothing of it
// gives access, or touches the person's credentials, memberships or organizations. Of
// sessions they may end their own.
const borrowed = `
analytics-create-report analytics-delete-report analytics-query analytics-start-run
datasets-create datasets-delete datasets-retry datasets-upload
users-explain users-logout users-send-verification users-switch-organization users-update-profile`

// withheld lists what they may not even read: what is shown once, or is all there is.
const withheld = `users-export-data`

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
		if o.Need.Public || o.Need.ServiceAccount {
			continue
		}
		c := p.Login(policy.Owner)
		p.Impersonate(c.UserID)
		got := refusedFor(t, answer(p, c.Token, o, c.OrganizationID, `{}`), "You cannot do this while acting as somebody else")
		want := !slices.Contains(strings.Fields(borrowed), id)
		if o.Method == http.MethodGet {
			want = slices.Contains(strings.Fields(withheld), id)
		}
		if got != want {
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
