package provisioning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	acceptinvitation "function/functions/users/accept-invitation"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/userstest"
	"function/functions/users/login"
	"function/functions/users/profile"
	scimdiscovery "function/functions/users/scim-discovery"
	scimgroups "function/functions/users/scim-groups"
	scimusers "function/functions/users/scim-users"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// provisioner is a platform and the provisioning system of one of its organizations, whose
// domain is example.com.
type provisioner struct {
	*platformtest.Platform
	t     *testing.T
	admin platformtest.Caller
	idp   platformtest.Caller // its service account
}

func provision(t *testing.T) provisioner {
	t.Helper()
	return provisionWith(t, func(*function.Config) {})
}

func provisionWith(t *testing.T, change func(*function.Config), more ...function.Declaration) provisioner {
	t.Helper()
	p := platformtest.NewWith(t, change, append(more,
		scimusers.Service,
		scimgroups.Service,
		scimdiscovery.Service,
		acceptinvitation.Service,
		profile.Service,
		login.Service,
	)...)
	all := provisioner{Platform: p, t: t}.as(p.Login("admin"))
	all.trust("example.com")
	return all
}

// as returns the provisioning system of another organization.
func (p provisioner) as(admin platformtest.Caller, more ...string) provisioner {
	p.admin, p.idp = admin, p.ServiceAccount(admin.OrganizationID, append([]string{"provisioning:write"}, more...)...)
	return p
}

// trust verifies a domain for the organization.
func (p provisioner) trust(domain string) {
	p.exec(`INSERT INTO organization_domains (id, organization_id, name, token, verified_at) VALUES ($1, $2, $3, 't', now())`, uuid.New(), p.admin.OrganizationID, domain)
}

type object = map[string]any

// call sends a request and returns the body, which is a SCIM message whatever the status.
func (p provisioner) call(status int, method, path string, body any, headers ...string) object {
	p.t.Helper()
	answer := p.Do(p.idp.Token, method, "/scim/v2"+path, body, append([]string{"Content-Type", "application/scim+json", "Accept", "application/scim+json"}, headers...)...)
	if answer.Status != status {
		p.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, answer.Status, status, answer.Body)
	}
	if status == http.StatusNoContent {
		return nil
	}
	if got := answer.Header.Get("Content-Type"); got != "application/scim+json" {
		p.t.Errorf("%s %s: content type %q", method, path, got)
	}
	message := platformtest.Decode[object](p.t, answer)
	if status >= 400 && (message["status"] != fmt.Sprint(status) || message["detail"] == "" || fmt.Sprint(message["schemas"]) != "[urn:ietf:params:scim:api:messages:2.0:Error]") {
		p.t.Errorf("%s %s: %v is no SCIM error", method, path, message)
	}
	return message
}

// find returns the identifiers of the people who match a filter.
func (p provisioner) find(filter string) (ids []string) {
	p.t.Helper()
	list := p.call(http.StatusOK, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), nil)
	for _, r := range list["Resources"].([]any) {
		ids = append(ids, r.(object)["id"].(string))
	}
	if int(list["totalResults"].(float64)) != len(ids) {
		p.t.Errorf("%s: %v results, of which %d are shown", filter, list["totalResults"], len(ids))
	}
	return ids
}

func (p provisioner) count(query string, arguments ...any) (n int) {
	p.t.Helper()
	if err := p.DB(database.Users).QueryRow(context.Background(), query, arguments...).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p provisioner) exec(statement string, arguments ...any) {
	p.t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		p.t.Fatal(err)
	}
}

// user returns a person as Okta creates one.
func user(name string) string {
	return `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "` + name + `", "externalId": "00u-` + name + `",
		"name": {"givenName": "Wilhelmina", "familyName": "Kowalska"}, "displayName": "Wilhelmina K", "locale": "en-US", "groups": [], "password": "t1meMa$heen",
		"emails": [{"primary": true, "value": "` + name + `", "type": "work"}], "active": true}`
}

func patch(operations string) string {
	return `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [` + operations + `]}`
}

func (p provisioner) create(name string) string {
	p.t.Helper()
	return p.call(http.StatusCreated, http.MethodPost, "/Users", user(name))["id"].(string)
}

func (p provisioner) status(id string) (status string, sessions int) {
	p.t.Helper()
	err := p.DB(database.Users).QueryRow(context.Background(), `
SELECT coalesce(m.status, ''), (SELECT count(*) FROM sessions s WHERE s.user_id = m.user_id AND s.organization_id = m.organization_id AND s.ended_at IS NULL)
FROM provisioned_people p LEFT JOIN memberships m ON m.user_id = p.user_id AND m.organization_id = p.organization_id WHERE p.id = $1`, id).Scan(&status, &sessions)
	if err != nil {
		p.t.Fatal(err)
	}
	return status, sessions
}

func TestProvisioningAsOktaDoes(t *testing.T) {
	t.Parallel()
	p := provision(t)
	if found := p.find(`userName eq "ada@example.com"`); len(found) != 0 {
		t.Fatalf("%v are there before anybody", found)
	}
	answer := p.Do(p.idp.Token, http.MethodPost, "/scim/v2/Users", user("ada@example.com"))
	created := platformtest.Decode[object](t, answer)
	id, _ := created["id"].(string)
	if answer.Status != http.StatusCreated || answer.Header.Get("Location") != p.URL+"/scim/v2/Users/"+id || answer.Header.Get("ETag") != created["meta"].(object)["version"] {
		t.Fatalf("%d %v\n%s", answer.Status, answer.Header, answer.Body)
	}
	if created["active"] != true || created["password"] != nil || created["userName"] != "ada@example.com" || created["name"].(object)["familyName"] != "Kowalska" {
		t.Errorf("created %v", created)
	}
	registered := platformtest.Published[events.UserRegistered](p.Platform, 1)[0].Data
	if registered.OrganizationID != p.admin.OrganizationID || registered.Role != "member" {
		t.Errorf("event %+v", registered)
	}
	if n := p.count(`SELECT count(*) FROM users WHERE id = $1 AND password_hash IS NULL AND email_verified_at IS NULL`, registered.UserID); n != 1 {
		t.Error("the account has a password, or an address that nobody has proved")
	}
	p.Do("", http.MethodPost, "/v1/users/login", `{"email": "ada@example.com", "password": "correct horse"}`).Want(t, http.StatusUnauthorized)
	for _, filter := range []string{`userName eq "ADA@example.com"`, `externalId eq "00u-ada@example.com"`, `id eq "` + id + `"`, `emails[type eq "work" and value co "@EXAMPLE"]`} {
		if found := p.find(filter); !slices.Equal(found, []string{id}) {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	p.exec(`INSERT INTO sessions (id, user_id, organization_id, expires_at) VALUES ($1, $2, $3, now() + interval '1 hour')`, uuid.New(), registered.UserID, p.admin.OrganizationID)
	if status, sessions := p.status(id); status != "active" || sessions != 1 {
		t.Fatal(status, sessions)
	}
	off := p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "value": {"active": false}}`))
	if status, sessions := p.status(id); status != "suspended" || sessions != 0 || off["active"] != false {
		t.Error(status, sessions, off["active"])
	}
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "value": {"active": true}}`))
	if status, _ := p.status(id); status != "active" {
		t.Error(status)
	}
	replaced := p.call(http.StatusOK, http.MethodPut, "/Users/"+id, strings.ReplaceAll(user("ada@example.com"), "Wilhelmina", "Augusta"))
	if replaced["name"].(object)["givenName"] != "Augusta" || replaced["active"] != true {
		t.Errorf("%v", replaced)
	}
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	p.call(http.StatusNotFound, http.MethodGet, "/Users/"+id, nil)
	if n := p.count(`SELECT count(*) FROM users WHERE id = $1`, registered.UserID); n != 0 {
		t.Error("the account, opened for this organization alone, is still there")
	}
	for _, action := range []string{"members:provision", "members:suspend", "members:restore", "members:remove", "accounts:delete"} {
		if n := p.count(`SELECT count(*) FROM audit_entries WHERE action = $1 AND organization_id = $2 AND actor_id = $3`, action, p.admin.OrganizationID, p.idp.UserID); n != 1 {
			t.Errorf("%d audit entries of %s", n, action)
		}
	}
}

func TestProvisioningAsEntraDoes(t *testing.T) {
	t.Parallel()
	p := provision(t)
	id := p.call(http.StatusCreated, http.MethodPost, "/Users", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"externalId": "58342554", "userName": "Test_User@example.com", "active": "True", "displayName": "BillG", "emails": [{"type": "work", "value": "test@example.com"}],
		"name": {"familyName": "Kowalska"}, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "bob", "manager": {"value": "SuzzyQ"}}}`)["id"].(string)
	changed := p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`
		{"op": "Add", "path": "nickName", "value": "Babs"},
		{"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "updated@example.com"},
		{"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+41 44 000 00 00"},
		{"op": "Replace", "path": "name.familyName", "value": "Nowak"},
		{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Sales"},
		{"op": "Replace", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "value": "Other"},
		{"op": "Replace", "path": "active", "value": "False"},
		{"op": "Replace", "value": {"displayName": "Bill", "name.givenName": "William"}},
		{"op": "Remove", "path": "externalId"}`))
	want := `{"active":false,"displayName":"Bill","emails":[{"type":"work","value":"updated@example.com"}],"name":{"familyName":"Nowak","givenName":"William"},"nickName":"Babs",` +
		`"phoneNumbers":[{"type":"mobile","value":"+41 44 000 00 00"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"Other"}},"userName":"Test_User@example.com"}`
	delete(changed, "id")
	delete(changed, "meta")
	delete(changed, "schemas")
	if got, _ := json.Marshal(changed); string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if status, _ := p.status(id); status != "suspended" {
		t.Error(status)
	}
	if changed := platformtest.Published[events.ProfileChanged](p.Platform, 1)[0]; !slices.Equal(changed.Data.Fields, []string{"first_name", "last_name"}) {
		t.Errorf("event %+v", changed.Data)
	}
	// A group, filled and emptied as Entra does.
	group := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "externalId": "8aa1", "displayName": "Engineers"}`)["id"].(string)
	for _, unseen := range []string{" ", `Engineers\u200b`, `\u0007`, strings.Repeat("x", 101)} {
		p.call(http.StatusBadRequest, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "`+unseen+`"}`)
	}
	spaced := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Sales  EMEA"}`)["id"].(string)
	if l := p.call(http.StatusOK, http.MethodGet, "/Groups?filter="+url.QueryEscape(`displayName eq "Sales  EMEA"`), nil); l["totalResults"] != 1.0 {
		t.Errorf("a name is not found as it was said: %v", l)
	}
	p.call(http.StatusNoContent, http.MethodDelete, "/Groups/"+spaced, nil)
	other := p.create("other@example.com")
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "Add", "path": "members", "value": [{"value": "`+id+`"}, {"value": "`+other+`"}, {"value": "`+id+`"}]}`))
	full := p.call(http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
	if len(full["members"].([]any)) != 2 {
		t.Errorf("%v", full)
	}
	if without := p.call(http.StatusOK, http.MethodGet, "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "engineers"`), nil)["Resources"].([]any); len(without) != 1 || without[0].(object)["members"] != nil {
		t.Errorf("%v", without)
	}
	if groups := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil)["groups"].([]any); len(groups) != 1 || groups[0].(object)["display"] != "Engineers" {
		t.Errorf("%v", groups)
	}
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "Remove", "path": "members", "value": [{"value": "`+id+`"}]}`))
	emptied := p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "remove", "path": "members[value eq \"`+other+`\"]"}, {"op": "replace", "path": "displayName", "value": "Builders"}`))
	if emptied["members"] != nil || emptied["displayName"] != "Builders" || p.count(`SELECT count(*) FROM team_members`) != 0 {
		t.Errorf("%v", emptied)
	}
	p.call(http.StatusNoContent, http.MethodDelete, "/Groups/"+group, nil)
	p.call(http.StatusNotFound, http.MethodDelete, "/Groups/"+group, nil)
	if p.count(`SELECT count(*) FROM teams`) != 0 {
		t.Error("the team is still there")
	}
}

// An organization must not affect an account that is not its own by provisioning its address.
func TestProvisioning_ForeignAccount_IsNotAffected(t *testing.T) {
	t.Parallel()
	p := provision(t)
	p.exec(`DELETE FROM organization_domains`)
	victim := p.Login("owner") // of another organization
	here := func(query string) int {
		return p.count(query+` AND organization_id = $1 AND user_id = $2`, p.admin.OrganizationID, victim.UserID)
	}
	created := p.call(http.StatusCreated, http.MethodPost, "/Users", user(victim.Email))
	unknown := p.call(http.StatusCreated, http.MethodPost, "/Users", user("nobody@example.com"))
	id := created["id"].(string)
	if created["active"] != unknown["active"] || len(created) != len(unknown) {
		t.Errorf("the answer tells that the address has an account: %v and %v", created, unknown)
	}
	if here(`SELECT count(*) FROM memberships WHERE true`) != 0 || id == victim.UserID.String() {
		t.Error("the person is a member without having been asked")
	}
	if p.count(`SELECT count(*) FROM mails`) != 2 || p.count(`SELECT count(*) FROM invitations WHERE role = 'member' AND organization_id = $1 AND invited_by = $2`, p.admin.OrganizationID, p.idp.UserID) != 2 {
		t.Error("the person was not invited, or only one of the two addresses was")
	}
	group := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineers", "members": [{"value": "`+id+`"}]}`)
	if len(group["members"].([]any)) != 1 || p.count(`SELECT count(*) FROM team_members`) != 0 {
		t.Errorf("%v", group)
	}
	for _, operations := range []string{`{"op": "replace", "path": "active", "value": false}`, `{"op": "replace", "path": "active", "value": true}`, `{"op": "replace", "path": "name.familyName", "value": "Taken"}`} {
		p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(operations))
		if got := userstest.Read(t, p.Do(victim.Token, http.MethodGet, userstest.ProfilePath, nil)); got.LastName != "Lovelace" || got.MembershipStatus != "active" || got.OrganizationID != victim.OrganizationID {
			t.Errorf("%s: the account is now %+v", operations, got)
		}
	}
	p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "path": "active", "value": false}, {"op": "replace", "path": "emails", "value": [{"value": "eve@example.com"}]}, {"op": "add", "path": "emails[nosuch pr]", "value": {}}`))

	// Once the person accepts, they are a member whom this organization may suspend.
	p.exec(`INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', 'active')`, victim.UserID, p.admin.OrganizationID)
	if got := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil); got["active"] != true {
		t.Errorf("%v", got)
	}
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "path": "title", "value": "Countess"}`))
	if here(`SELECT count(*) FROM team_members WHERE true`) != 1 || here(`SELECT count(*) FROM provisioned_people WHERE wrapped_key IS NULL`) != 1 {
		t.Error("the member is not linked, or not in the team that waited")
	}
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "path": "active", "value": false}`))
	if here(`SELECT count(*) FROM memberships WHERE status = 'suspended'`) != 1 {
		t.Error("not suspended")
	}
	p.Do(victim.Token, http.MethodGet, userstest.ProfilePath, nil).Want(t, http.StatusOK) // in the other organization
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	if got := userstest.Read(t, p.Do(victim.Token, http.MethodGet, userstest.ProfilePath, nil)); got.LastName != "Lovelace" || here(`SELECT count(*) FROM memberships WHERE true`) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestMembersAreLinkedAndOwnersAreProtected(t *testing.T) {
	t.Parallel()
	p := provision(t)
	member, owner := p.LoginTo(p.admin.OrganizationID, "analyst"), p.LoginTo(p.admin.OrganizationID, "owner")
	id := p.create(member.Email)
	if n := p.count(`SELECT count(*) FROM memberships WHERE user_id = $1 AND role = 'analyst' AND status = 'active'`, member.UserID); n != 1 {
		t.Error("the member is not as they were")
	}
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "path": "name.givenName", "value": "Eve"}`))
	if got := userstest.Read(t, p.Do(member.Token, http.MethodGet, userstest.ProfilePath, nil)); got.FirstName != "Ada" {
		t.Error("the account, which is not the organization's, is renamed")
	}
	protected := p.create(owner.Email)
	p.call(http.StatusForbidden, http.MethodPatch, "/Users/"+protected, patch(`{"op": "replace", "path": "active", "value": false}`))
	p.call(http.StatusForbidden, http.MethodDelete, "/Users/"+protected, nil)
	if status, sessions := p.status(protected); status != "active" || sessions != 1 {
		t.Error(status, sessions)
	}
	if n := p.count(`SELECT count(*) FROM audit_entries WHERE result = 'refused' AND resource_id = $1`, protected); n != 2 {
		t.Errorf("%d refusals in the trail", n)
	}
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	if p.count(`SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2`, member.UserID, p.admin.OrganizationID) != 0 || p.count(`SELECT count(*) FROM users WHERE id = $1`, member.UserID) != 1 {
		t.Error("the membership stays, or the account went with it")
	}
	if n := p.count(`SELECT count(*) FROM memberships WHERE user_id = $1 AND role = 'owner' AND status = 'active'`, member.UserID); n != 1 {
		t.Error("the person, whose account stays, is left without any organization")
	}
	// A person who has requested to join is approved if their address is verified, and invited
	// otherwise.
	for _, verified := range []bool{true, false} {
		asking := p.LoginTo(p.admin.OrganizationID, "member")
		p.exec(`UPDATE memberships SET status = 'requested' WHERE user_id = $1`, asking.UserID)
		p.exec(`UPDATE users SET email_verified_at = CASE WHEN $2 THEN now() END WHERE id = $1`, asking.UserID, verified)
		p.create(asking.Email)
		if n := p.count(`SELECT count(*) FROM memberships WHERE user_id = $1 AND status = 'active'`, asking.UserID); n == 1 != verified {
			t.Errorf("address proved: %v, let in: %d", verified, n)
		}
	}
}

func TestProvisioning_OtherOrganizations_AreInvisible(t *testing.T) {
	t.Parallel()
	p := provision(t)
	q := p.as(p.Login("owner"))
	id := p.create("ada@example.com")
	group := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineers"}`)["id"].(string)
	for _, path := range []string{"/Users/" + id, "/Groups/" + group} {
		q.call(http.StatusNotFound, http.MethodGet, path, nil)
		q.call(http.StatusNotFound, http.MethodDelete, path, nil)
		q.call(http.StatusNotFound, http.MethodPatch, path, patch(`{"op": "replace", "path": "displayName", "value": "x"}`))
	}
	q.call(http.StatusNotFound, http.MethodPut, "/Users/"+id, user("ada@example.com"))
	if found := append(q.find(`userName eq "ada@example.com"`), q.find(`displayName pr`)...); len(found) != 0 {
		t.Errorf("another organization finds %v", found)
	}
	q.call(http.StatusBadRequest, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Theirs", "members": [{"value": "`+id+`"}]}`)
	if q.count(`SELECT count(*) FROM teams WHERE organization_id = $1`, q.admin.OrganizationID) != 0 {
		t.Error("a team was made that has members of another organization")
	}
	// A team created by members cannot be changed by provisioning.
	own := uuid.New()
	p.exec(`INSERT INTO teams (id, organization_id, name) VALUES ($1, $2, 'Board')`, own, p.admin.OrganizationID)
	p.call(http.StatusNotFound, http.MethodGet, "/Groups/"+own.String(), nil)
	if refused := p.call(http.StatusConflict, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Board"}`); refused["scimType"] != "uniqueness" {
		t.Errorf("%v", refused)
	}
	for _, role := range []string{"member", "viewer", "analyst", "compliance_officer"} {
		token := p.LoginTo(p.admin.OrganizationID, role).Token
		for _, path := range []string{"/Users", "/Groups", "/Schemas"} {
			p.Do(token, http.MethodGet, "/scim/v2"+path, nil).Want(t, http.StatusForbidden)
		}
	}
	p.Do("", http.MethodGet, "/scim/v2/Users", nil).Want(t, http.StatusUnauthorized)
}

func TestOneOfSeveralAtOnceWins(t *testing.T) {
	t.Parallel()
	p := provision(t)
	var all sync.WaitGroup
	statuses := make(chan int, 6)
	for range cap(statuses) {
		all.Go(func() {
			statuses <- p.Do(p.idp.Token, http.MethodPost, "/scim/v2/Users", user("raced@example.com")).Status
		})
	}
	all.Wait()
	close(statuses)
	got := map[int]int{}
	for s := range statuses {
		got[s]++
	}
	if got[http.StatusCreated] != 1 || got[http.StatusConflict] != cap(statuses)-1 {
		t.Errorf("statuses %v", got)
	}
	if p.count(`SELECT count(*) FROM provisioned_people`) != 1 || p.count(`SELECT count(*) FROM users`) != 2 || p.count(`SELECT count(*) FROM memberships`) != 2 {
		t.Error("more than one is left")
	}
	id := p.find(`userName eq "raced@example.com"`)[0]
	other := p.create("other@example.com")
	for _, taken := range []string{`{"op": "replace", "path": "userName", "value": "RACED@example.com"}`, `{"op": "replace", "path": "externalId", "value": "00u-raced@example.com"}`} {
		if refused := p.call(http.StatusConflict, http.MethodPatch, "/Users/"+other, patch(taken)); refused["scimType"] != "uniqueness" {
			t.Errorf("%v", refused)
		}
	}
	// Changes of one version: the first wins.
	version := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil)["meta"].(object)["version"].(string)
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "add", "path": "title", "value": "a"}`), "If-Match", version)
	p.call(http.StatusPreconditionFailed, http.MethodPatch, "/Users/"+id, patch(`{"op": "add", "path": "title", "value": "b"}`), "If-Match", version)
	p.call(http.StatusPreconditionFailed, http.MethodDelete, "/Users/"+id, nil, "If-Match", version)
	// Additions to one group at once all hold.
	group := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineers"}`)["id"].(string)
	for _, member := range []string{id, other} {
		all.Go(func() {
			p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "add", "path": "members", "value": [{"value": "`+member+`"}]}`))
		})
	}
	all.Wait()
	if n := p.count(`SELECT count(*) FROM team_members`); n != 2 {
		t.Errorf("%d members", n)
	}
}

func TestListsArePagedSortedAndFiltered(t *testing.T) {
	t.Parallel()
	p := provision(t)
	var ids []string
	for _, name := range []string{"carol", "alice", "bob"} {
		ids = append(ids, p.create(name+"@example.com"))
	}
	list := func(query string) (names []string, total, size float64) {
		t.Helper()
		l := p.call(http.StatusOK, http.MethodGet, "/Users?"+query, nil)
		for _, r := range l["Resources"].([]any) {
			name, _, _ := strings.Cut(r.(object)["userName"].(string), "@")
			names = append(names, name)
		}
		return names, l["totalResults"].(float64), l["itemsPerPage"].(float64)
	}
	for query, want := range map[string]string{
		"":                                 "[carol alice bob] 3 3",
		"startIndex=2&count=1":             "[alice] 3 1",
		"startIndex=-5&count=2":            "[carol alice] 3 2",
		"startIndex=9":                     "[] 3 0",
		"count=0":                          "[] 3 0",
		"count=-1":                         "[] 3 0",
		"sortBy=userName":                  "[alice bob carol] 3 3",
		"sortBy=userName&count=1":          "[alice] 3 1",
		"sortBy=emails&startIndex=2":       "[bob carol] 3 2",
		"sortBy=id&sortOrder=descending":   "[bob alice carol] 3 3",
		"filter=active%20eq%20true":        "[carol alice bob] 3 3",
		"filter=active%20eq%20%22False%22": "[] 0 0",
		"filter=" + url.QueryEscape(`userName sw "a" or (userName co "ro" and not (active eq false))`):             "[carol alice] 2 2",
		"filter=" + url.QueryEscape(`meta.lastModified gt "2020-01-01T00:00:00Z" and userName ew "b@example.com"`): "[bob] 1 1",
		"filter=" + url.QueryEscape(`name.familyName eq "KOWALSKA" and emails pr and title eq null`):               "[carol alice bob] 3 3",
		"filter=" + url.QueryEscape(`userName ne "bob@example.com"`):                                               "[carol alice] 2 2",
		"filter=" + url.QueryEscape(`id eq "`+ids[0]+`" and id eq "`+ids[1]+`"`):                                   "[] 0 0",
		"filter=" + url.QueryEscape(`id eq "x"`):                                                                   "[] 0 0",
		"filter=" + url.QueryEscape(`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bob@example.com"`):    "[bob] 1 1",
	} {
		names, total, size := list(query)
		if got := fmt.Sprint(names, " ", total, " ", size); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	only := p.call(http.StatusOK, http.MethodGet, "/Users/"+ids[0]+"?attributes=emails.value,displayname", nil)
	if len(only) != 4 || only["emails"] == nil || only["displayName"] == nil {
		t.Errorf("%v", only)
	}
	without := p.call(http.StatusOK, http.MethodGet, "/Users/"+ids[0]+"?excludedAttributes=emails,ID,meta", nil)
	if without["id"] == nil || without["emails"] != nil || without["meta"] != nil || without["userName"] == nil {
		t.Errorf("%v", without)
	}
}

func TestHostileProvisioningIsRefused(t *testing.T) {
	t.Parallel()
	p := provision(t)
	id := p.create("ada@example.com")
	before := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil)
	for filter, kind := range map[string]string{
		strings.Repeat("(", 5000): "invalidFilter", strings.Repeat("not (", 21) + `userName pr` + strings.Repeat(")", 21): "invalidFilter",
		`userName eq "` + strings.Repeat("x", 5000) + `"`: "invalidFilter", `userName`: "invalidFilter", `userName eq`: "invalidFilter",
		`password eq "x"`: "invalidFilter", `active gt true`: "invalidFilter", `meta.created eq "x"`: "invalidFilter", `name eq "x"`: "invalidFilter",
		`userName eq 1`: "invalidFilter", `emails[nosuch eq "x"]`: "invalidFilter", "\x00": "invalidFilter", `a[b[c pr]]`: "invalidFilter",
	} {
		if got := p.call(http.StatusBadRequest, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), nil); got["scimType"] != kind || strings.Contains(fmt.Sprint(got["detail"]), "xxxx") {
			t.Errorf("%.40q: %v", filter, got)
		}
	}
	for _, query := range []string{"count=x", "startIndex=1e9", "startIndex=99999999999999999999", "sortBy=nosuch", "sortBy=name", "sortOrder=up"} {
		p.call(http.StatusBadRequest, http.MethodGet, "/Users?"+query, nil)
	}
	for body, kind := range map[string]string{
		``: "invalidSyntax", `[]`: "invalidSyntax", `{"userName": 1}`: "invalidValue", `{}`: "invalidValue", `{"userName": "no address"}`: "invalidValue",
		`{"userName": "a@example.com", "USERNAME": "b@example.com"}`: "invalidSyntax", `{"userName": "a\u0000@example.com"}`: "invalidValue",
		`{"userName": "a@example.com", "active": "perhaps"}`: "invalidValue", `{"userName": "a@example.com", "name": "x"}`: "invalidValue",
		`{"userName": "a@example.com", "emails": [[[[]]]]}`: "invalidValue", `{"userName": "a@example.com", "emails": [{"value": "Ada <a@example.com>"}]}`: "invalidValue",
		`{"userName": "a@example.com", "emails": [` + strings.Repeat(`{"value": "a@example.com"},`, 100) + `{"value": "b"}]}`: "invalidValue",
		`{"userName": "a@example.com", "title": "` + strings.Repeat("x", 3000) + `"}`:                                         "invalidValue",
		`{"userName": ` + strings.Repeat("[", 20_000):                                                                         "invalidSyntax",
	} {
		if got := p.call(http.StatusBadRequest, http.MethodPost, "/Users", body); got["scimType"] != kind {
			t.Errorf("%.60s: %v", body, got)
		}
	}
	for operations, kind := range map[string]string{
		``: "invalidValue", `{"op": "move", "path": "title"}`: "invalidSyntax", `{"op": "remove"}`: "noTarget", `{"op": "add", "path": "emails[nosuch eq \"x\"]", "value": {}}`: "invalidPath",
		`{"op": "replace", "path": "id", "value": "x"}`: "mutability", `{"op": "replace", "path": "groups", "value": []}`: "mutability", `{"op": "replace", "path": "meta.version", "value": "x"}`: "mutability",
		`{"op": "remove", "path": "userName"}`: "invalidValue", `{"op": "replace", "path": "emails[type ne \"work\"].value", "value": "x"}`: "noTarget",
		`{"op": "add", "path": "emails[type eq \"work\"]", "value": 7}`: "invalidValue", `{"op": "add", "path": "name[formatted pr]", "value": {}}`: "invalidPath",
		`{"op": "add", "path": "emails[`: "", `{"op": "add", "path": "` + strings.Repeat("(", 3000) + `", "value": 1}`: "invalidPath",
		`{"op": "replace", "value": {"": 1}}`: "invalidPath", `{"op": "replace", "value": 7}`: "noTarget", `{"op": "replace", "path": "active", "value": {"a": 1}}`: "invalidValue",
	} {
		got := p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+id, patch(operations))
		if kind != "" && got["scimType"] != kind {
			t.Errorf("%.60s: %v, want %s", operations, got, kind)
		}
	}
	p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+id, `{"Operations": [{"op": "add", "path": "title", "value": "x"}]}`)
	p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+id, patch(strings.Repeat(`{"op": "add", "path": "title", "value": "x"},`, 200)+`{"op": "add", "path": "title", "value": "x"}`))
	p.call(http.StatusRequestEntityTooLarge, http.MethodPost, "/Users", `{"userName": "`+strings.Repeat("x", 1<<20)+`"}`)
	for _, path := range []string{"/Users/x", "/Users/" + uuid.NewString(), "/Groups/%00", "/Schemas/x"} {
		p.call(http.StatusNotFound, http.MethodGet, path, nil)
	}
	if after := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v was %v", after, before)
	}
	if n := p.count(`SELECT count(*) FROM users`); n != 2 {
		t.Errorf("%d accounts", n)
	}
}

func TestProvisionedPeopleAreSealed(t *testing.T) {
	t.Parallel()
	p := provision(t)
	victim := p.Login("owner")
	p.create("zuzanna@example.com")
	p.call(http.StatusCreated, http.MethodPost, "/Users", user(victim.Email))
	for _, table := range []string{"users", "provisioned_people", "invitations", "mails", "audit_entries", "outbox"} {
		var dump string
		if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`).Scan(&dump); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"example.com", "Wilhelmina", "Kowalska", "zuzanna"} {
			if strings.Contains(dump, word) {
				t.Errorf("table %s holds %q in the clear", table, word)
			}
		}
	}
}

func TestSearchesAreBounded(t *testing.T) {
	t.Parallel()
	p := provision(t)
	p.create("someone@else.example")
	p.exec(`INSERT INTO provisioned_people (id, organization_id, email_index, user_name_index, wrapped_key, attributes)
		SELECT gen_random_uuid(), organization_id, int4send(-i), int4send(-i), wrapped_key, attributes FROM provisioned_people, generate_series(1, 2500) i`)
	for _, query := range []string{"filter=title%20eq%20null&startIndex=2500", "sortBy=id&startIndex=2500"} {
		if l := p.call(http.StatusOK, http.MethodGet, "/Users?"+query, nil); l["totalResults"] != 2501.0 || l["itemsPerPage"] != 2.0 {
			t.Errorf("%s: %v of %v", query, l["itemsPerPage"], l["totalResults"])
		}
	}
	p.exec(`INSERT INTO provisioned_people (id, organization_id, email_index, user_name_index, wrapped_key, attributes)
		SELECT gen_random_uuid(), $1, int4send(i), int4send(i), '', '' FROM generate_series(0, $2::int) i`, p.admin.OrganizationID, provisioning.MaxSearched)
	if got := p.call(http.StatusBadRequest, http.MethodGet, "/Users?filter=title%20pr", nil); got["scimType"] != "tooMany" {
		t.Errorf("%v", got)
	}
	if found := p.find(`userName eq "ada@example.com"`); len(found) != 0 {
		t.Errorf("%v", found)
	}
	p.exec(`WITH t AS (INSERT INTO teams (id, organization_id, name) SELECT gen_random_uuid(), $1, i::text FROM generate_series(0, 2000) i RETURNING id)
		INSERT INTO provisioned_teams (team_id, organization_id) SELECT id, $1 FROM t`, p.admin.OrganizationID)
	if l := p.call(http.StatusOK, http.MethodGet, "/Groups?sortBy=displayName&startIndex=2001", nil); l["totalResults"] != 2001.0 || l["Resources"].([]any)[0].(object)["displayName"] != "999" {
		t.Errorf("%v", l)
	}
	if l := p.call(http.StatusOK, http.MethodGet, "/Groups?filter="+url.QueryEscape(`displayName eq "7"`), nil); l["totalResults"] != 1.0 {
		t.Errorf("%v", l)
	}
	if l := p.call(http.StatusOK, http.MethodGet, "/Groups?count=1000&startIndex=1900", nil); l["itemsPerPage"] != 102.0 || l["totalResults"] != 2001.0 {
		t.Errorf("%v %v", l["itemsPerPage"], l["totalResults"])
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	p := provision(t)
	config := p.call(http.StatusOK, http.MethodGet, "/ServiceProviderConfig", nil)
	if config["etag"].(object)["supported"] != true || config["bulk"].(object)["supported"] != false {
		t.Errorf("%v", config)
	}
	types := p.call(http.StatusOK, http.MethodGet, "/ResourceTypes", nil)["Resources"].([]any)
	for _, one := range types {
		kind := one.(object)
		p.call(http.StatusOK, http.MethodGet, "/ResourceTypes/"+kind["id"].(string), nil)
		p.call(http.StatusOK, http.MethodGet, kind["endpoint"].(string), nil)
		schema := p.call(http.StatusOK, http.MethodGet, "/Schemas/"+kind["schema"].(string), nil)
		if len(schema["attributes"].([]any)) == 0 {
			t.Errorf("%v", schema)
		}
	}
	if schemas := p.call(http.StatusOK, http.MethodGet, "/Schemas", nil); schemas["totalResults"] != 3.0 || len(types) != 2 {
		t.Errorf("%v schemas, %d types", schemas["totalResults"], len(types))
	}
}
