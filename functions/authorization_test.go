package functions_test

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// Subjects in addition to the built-in roles.
const (
	anyone   = "anyone"   // without a token
	newcomer = "newcomer" // logged in, waiting to be admitted to the organization

	program = "service_account" // a service account with the permission, for operations that no person may call
)

// decided parses the matrix.
func decided(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(matrix)) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if all[words[0]] != nil || len(words) < 2 {
			t.Errorf("the matrix speaks of %s twice, or says nothing", words[0])
		}
		all[words[0]] = words[1:]
	}
	return all
}

// operations returns the operations of the whole platform by their identifiers.
func operations() map[string]function.Operation {
	all := map[string]function.Operation{}
	for _, d := range functions.Catalog {
		for _, o := range d.Operations {
			all[o.OperationID] = o
		}
	}
	return all
}

func platform(t *testing.T) *platformtest.Platform {
	t.Helper()
	var answering []function.Declaration
	for _, d := range functions.Catalog {
		if len(d.Operations) > 0 {
			answering = append(answering, d)
		}
	}
	return platformtest.New(t, answering...)
}

var parameter = regexp.MustCompile(`\{([^}]*)\}`)

// call returns the status of answer. It fails the test if the status is a server error.
func call(t *testing.T, p *platformtest.Platform, token string, o function.Operation, organization uuid.UUID, body string) int {
	t.Helper()
	answered := answer(p, token, o, organization, body)
	if answered.Status >= http.StatusInternalServerError && answered.Status != http.StatusNotImplemented {
		t.Errorf("%s answers %d: %s", o.OperationID, answered.Status, answered.Body)
	}
	return answered.Status
}

// answer calls an operation of the organization. A call that is allowed either fails later or
// does no harm that another call would notice.
func answer(p *platformtest.Platform, token string, o function.Operation, organization uuid.UUID, body string) platformtest.Answer {
	path := strings.Replace(o.Path, "/v1/organizations/{id}", "/v1/organizations/"+organization.String(), 1)
	path = parameter.ReplaceAllStringFunc(path, func(name string) string {
		switch name {
		case "{resource}":
			return "sessions"
		case "{role}", "{name}":
			return "auditor"
		}
		return uuid.NewString()
	})
	return p.Do(token, o.Method, path, body)
}

func may(status int) bool { return status != http.StatusUnauthorized && status != http.StatusForbidden }

// loginAs returns a new person with a role in a new organization.
func loginAs(t *testing.T, p *platformtest.Platform, role string) platformtest.Caller {
	t.Helper()
	db := p.DB(database.Users)
	switch role {
	case newcomer, policy.PlatformAdmin:
		c := p.Login(policy.Viewer)
		_, err := db.Exec(context.Background(), `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, c.UserID)
		if err == nil && role == policy.PlatformAdmin {
			_, err = db.Exec(context.Background(), `UPDATE users SET platform_admin = true WHERE id = $1`, c.UserID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return p.Login(role)
}

func TestOperations_AllowTheRolesOfTheMatrix(t *testing.T) {
	t.Parallel()
	p, all, want := platform(t), operations(), decided(t)
	subjects := append(policy.BuiltIn(), policy.PlatformAdmin, newcomer)
	for id := range want {
		if _, ok := all[id]; !ok {
			t.Errorf("the matrix speaks of %s, which is no operation", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		o := all[id]
		var got []string
		for _, subject := range subjects {
			c := loginAs(t, p, subject)
			if may(call(t, p, c.Token, o, c.OrganizationID, `{}`)) {
				got = append(got, subject)
			}
		}
		if len(got) == 0 && !o.Need.Public {
			c := p.ServiceAccount(p.Login(policy.Owner).OrganizationID, string(o.Need.Permission))
			if may(call(t, p, c.Token, o, c.OrganizationID, `{}`)) {
				got = []string{program}
			}
		}
		switch {
		case o.Need.Public:
			got = []string{anyone}
		case may(call(t, p, "", o, uuid.New(), `{}`)):
			t.Errorf("%s lets everybody in", id)
		case len(got) == len(subjects):
			got = []string{"person"}
		}
		if !slices.Equal(got, want[id]) {
			t.Errorf("who may is not what the matrix says:\n%-36s %s\nwant: %s", id, strings.Join(got, " "), strings.Join(want[id], " "))
		}
	}
}

const insertRole = `INSERT INTO roles (organization_id, name, permissions) VALUES ($1, 'own', $2)`

func TestCustomRole_AllowsItsPermissionsOnly(t *testing.T) {
	t.Parallel()
	p := platform(t)
	for id, o := range operations() {
		if o.Need.Public || string(o.Need.Permission) == "" || !slices.Contains(policy.Grantable(), o.Need.Permission) {
			continue
		}
		one := []policy.Permission{o.Need.Permission}
		others := slices.DeleteFunc(policy.Grantable(), func(p policy.Permission) bool { return p == one[0] })
		for _, test := range []struct {
			permissions []policy.Permission
			want        bool
		}{{one, true}, {others, false}} {
			c := p.Login("own")
			if _, err := p.DB(database.Users).Exec(context.Background(), insertRole, c.OrganizationID, test.permissions); err != nil {
				t.Fatal(err)
			}
			if o.Need.ServiceAccount {
				var words []string
				for _, permission := range test.permissions {
					words = append(words, string(permission))
				}
				c = p.ServiceAccount(c.OrganizationID, words...)
			}
			if status := call(t, p, c.Token, o, c.OrganizationID, `{}`); may(status) != test.want {
				t.Errorf("%s answers %d to a role of %v", id, status, test.permissions)
			}
		}
	}
}

// bodies are valid bodies for the operations of an organization, which would take effect if the
// caller belonged to it.
var bodies = map[string]string{
	"users-rename-organization":          `{"name": "Mine"}`,
	"users-claim-domain":                 `{"domain": "example.com"}`,
	"users-change-organization-settings": `{"require_second_factor": true}`,
	"users-transfer-ownership":           `{"user_id": "01900000-0000-7000-8000-000000000009"}`,
	"users-approve-member":               `{"role": "viewer"}`,
	"users-assign-role":                  `{"role": "viewer"}`,
	"users-invite":                       `{"email": "ada@example.com", "role": "viewer"}`,
	"users-create-team":                  `{"name": "Looms"}`,
	"users-rename-team":                  `{"name": "Looms"}`,
	"users-move-team":                    `{"parent_id": null}`,
	"users-define-role":                  `{"permissions": ["audit:read"]}`,
	"users-grant-role":                   `{"role": "viewer", "user_id": "01900000-0000-7000-8000-000000000009"}`,
	"users-create-service-account":       `{"name": "robot"}`,
	"users-change-service-account":       `{"disabled": true}`,
	"users-create-service-account-key":   `{"name": "night", "scopes": ["datasets:read"]}`,
	"users-rotate-service-account-key":   `{"overlap_minutes": 0}`,
	"users-create-purpose":               `{"name": "newsletter", "text": "We write to you."}`,
	"users-revise-purpose":               `{"text": "We write to you."}`,
}

func TestOperations_OwnerOfAnotherOrganization_IsRefused(t *testing.T) {
	t.Parallel()
	p := platform(t)
	theirs, stranger := p.Login(policy.Owner), p.Login(policy.Owner)
	for id, o := range operations() {
		if !strings.HasPrefix(o.Path, "/v1/organizations/{id}") {
			continue
		}
		if id == "users-search-members" {
			o.Path += "?name=ada"
		}
		if status := call(t, p, stranger.Token, o, theirs.OrganizationID, cmp.Or(bodies[id], `{}`)); status != http.StatusNotFound {
			t.Errorf("%s answers %d to the owner of another organization, want 404", id, status)
		}
	}
	var written int
	err := p.DB(database.Users).QueryRow(t.Context(), `SELECT count(*) FROM audit_entries WHERE organization_id = $1`, theirs.OrganizationID).Scan(&written)
	if err != nil || written != 0 {
		t.Errorf("a stranger wrote %d entries into the organization's trail: %v", written, err)
	}
}
