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

// borrowed lists, by hand, the operations that an impersonator may call to change something. None
// of them grants access or touches the person's credentials, memberships or organizations.
// Impersonators may end their own session.
const borrowed = `
analytics-cancel-query analytics-create-report analytics-delete-report analytics-query analytics-start-run
datasets-cancel-job datasets-change-metadata datasets-check-document-schema datasets-complete-direct-upload datasets-continue-upload datasets-create
datasets-create-branch datasets-create-upload datasets-delete datasets-delete-branch datasets-delete-document datasets-delete-document-schema
datasets-delete-lifecycle datasets-delete-object datasets-delete-tag datasets-delete-upload datasets-derive datasets-end-derivation datasets-find-documents datasets-import datasets-insert-document datasets-issue-s3-credentials
datasets-merge-branch datasets-override-upload datasets-patch-document datasets-propose datasets-put-document datasets-put-object
datasets-put-object-metadata datasets-recall datasets-record-lineage datasets-restore-version
datasets-retry datasets-set-contract datasets-set-document-schema datasets-set-lifecycle datasets-start-direct-upload datasets-tag datasets-undelete datasets-upload
datasets-preview-merge datasets-withdraw-proposal
datasets-iceberg-commit datasets-iceberg-commit-transaction datasets-iceberg-create-namespace datasets-iceberg-create-table datasets-iceberg-create-view
datasets-iceberg-delete-namespace datasets-iceberg-delete-table datasets-iceberg-metrics datasets-iceberg-namespace-properties datasets-iceberg-register-table datasets-iceberg-rename-table
users-explain users-logout users-send-verification users-switch-organization users-update-profile`

// withheld lists the read operations that an impersonator may not call, because they
// reveal something once or export everything.
const withheld = `users-export-data`

// unready lists the operations that are allowed before a required password change.
const unready = `users-change-password users-logout users-profile
users-list-own-consents users-list-consent-history users-withdraw-consent`

// refusedFor reports whether an operation was refused for a reason.
func refusedFor(t *testing.T, a platformtest.Answer, reason string) bool {
	t.Helper()
	return a.Status == 403 && strings.HasPrefix(platformtest.Decode[problem.Problem](t, a).Detail, reason)
}

func TestImpersonator_GrantsNothingThatOutlivesTheSession(t *testing.T) {
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
		if o.Method == http.MethodGet || o.Method == http.MethodHead {
			want = slices.Contains(strings.Fields(withheld), id)
		}
		if got != want {
			t.Errorf("%s refuses an impersonator: %v, want %v", id, got, want)
		}
	}
}

func TestPasswordChangeRequired_OtherOperations_AreRefused(t *testing.T) {
	t.Parallel()
	p := platform(t)
	for id, o := range operations() {
		if o.Need.Public || o.Need.ServiceAccount || o.Method == http.MethodHead { // which has no body
			continue
		}
		// This also holds without approved membership and for platform administrators.
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
