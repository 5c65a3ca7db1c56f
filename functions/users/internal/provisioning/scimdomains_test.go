package provisioning_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/net/dns/dnsmessage"

	"function/functions/users/domains"
	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/userstest"
	"function/functions/users/invitations"
	"function/functions/users/members"
	resetpassword "function/functions/users/reset-password"
	teammembers "function/functions/users/team-members"
	teamprovisioning "function/functions/users/team-provisioning"
	"function/functions/users/teams"
	"function/shared/function"
	"function/shared/platformtest"
)

// zone is a DNS server on the loopback interface.
type zone struct {
	address string
	mu      sync.Mutex
	texts   map[string][]string
	silent  bool
}

func serveZone(t *testing.T) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	z := &zone{address: conn.LocalAddr().String(), texts: map[string][]string{}}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := z.answer(buffer[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return z
}

func (z *zone) publish(name string, values ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.texts[name+"."] = values
}

func (z *zone) answer(query []byte) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || z.silent || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	values, ok := z.texts[q.Name.String()]
	if !ok {
		answer.RCode = dnsmessage.RCodeNameError
	}
	for _, v := range values {
		answer.Answers = append(answer.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET}, Body: &dnsmessage.TXTResource{TXT: []string{v}},
		})
	}
	packed, _ := answer.Pack()
	return packed
}

func TestDomainIsVerifiedByWhatItsZoneSays(t *testing.T) {
	t.Parallel()
	z := serveZone(t)
	p := platformtest.NewWith(t, func(c *function.Config) { c.DNSResolver = z.address }, domains.Service)
	one, other := p.Login("admin"), p.Login("owner")
	of := func(c platformtest.Caller) string { return userstest.OrganizationPath(c.OrganizationID, "/domains") }
	claim := func(c platformtest.Caller, domain string, status int) membership.Domain {
		t.Helper()
		return platformtest.Decode[membership.Domain](t, p.Do(c.Token, http.MethodPost, of(c), object{"domain": domain}).Want(t, status))
	}
	verify := func(c platformtest.Caller, status int) string {
		t.Helper()
		return string(p.Do(c.Token, http.MethodPost, of(c)+"/acme.example/verify", nil).Want(t, status).Body)
	}
	for _, nobodys := range []string{"com", "co.uk", "github.io", "localhost", "127.0.0.1", "a b.com", "https://acme.example", "-.com"} {
		claim(one, nobodys, http.StatusUnprocessableEntity)
	}
	verify(one, http.StatusNotFound)
	d := claim(one, "ACME.example.", http.StatusCreated)
	claim(one, "acme.example", http.StatusConflict)
	if d.Name != "acme.example" || d.Record.Name != "_aic-data.acme.example" || d.VerifiedAt != nil {
		t.Errorf("%+v", d)
	}
	theirs := claim(other, "acme.example", http.StatusCreated)
	if d.Record.Value == theirs.Record.Value {
		t.Error("two organizations prove a domain by one token")
	}
	if got := verify(one, http.StatusConflict); !strings.Contains(got, "nothing") || !strings.Contains(got, d.Record.Value) {
		t.Errorf("%s does not tell what was found, or what to do", got)
	}
	z.publish(d.Record.Name, "v=spf1 -all", theirs.Record.Value)
	if got := verify(one, http.StatusConflict); !strings.Contains(got, theirs.Record.Value) || !strings.Contains(got, "1 other") {
		t.Errorf("%s", got)
	}
	z.publish(d.Record.Name, d.Record.Value, theirs.Record.Value)
	verify(one, http.StatusOK)
	verify(one, http.StatusOK)
	verify(other, http.StatusConflict) // the first one's record is still there
	z.publish(d.Record.Name, theirs.Record.Value)
	verify(other, http.StatusOK)
	verify(one, http.StatusNotFound) // lost
	z.mu.Lock()
	z.silent = true
	z.mu.Unlock()
	if got := verify(other, http.StatusConflict); !strings.Contains(got, "did not answer") {
		t.Errorf("%s", got)
	}
	p.Do(p.LoginTo(other.OrganizationID, "member").Token, http.MethodPost, of(other), object{"domain": "x.example"}).Want(t, http.StatusForbidden)
	stale := p.LoginTo(other.OrganizationID, "owner")
	if _, err := p.DB("user_management_db").Exec(context.Background(), `UPDATE sessions SET authenticated_at = now() - interval '1 hour' WHERE user_id = $1`, stale.UserID); err != nil {
		t.Fatal(err)
	}
	p.Do(stale.Token, http.MethodDelete, of(other)+"/acme.example", nil).Want(t, http.StatusUnauthorized)
	p.Do(other.Token, http.MethodDelete, of(other)+"/acme.example", nil).Want(t, http.StatusNoContent)
	var actions int
	if err := p.DB("user_management_db").QueryRow(context.Background(), `SELECT count(DISTINCT action) FROM audit_entries WHERE action LIKE 'domains:%' AND result = 'done'`).Scan(&actions); err != nil || actions != 4 {
		t.Errorf("%d kinds of acts in the trail, want claim, verify, lose and remove (%v)", actions, err)
	}
}

// Somebody who creates an organization must not own, or learn of, the accounts of strangers.
func TestStrangersAreInvitedWhetherOrNotTheyHaveAnAccount(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(*function.Config) {}, members.Service,
		invitations.Service)
	p.exec(`DELETE FROM organization_domains`)
	victim := p.Login("owner")
	lists := func() (n [2]int) {
		for i, path := range []string{"/members", "/invitations"} {
			l := platformtest.Decode[object](t, p.Do(p.admin.Token, http.MethodGet, userstest.OrganizationPath(p.admin.OrganizationID, path), nil).Want(t, http.StatusOK))
			n[i] = len(l["items"].([]any))
		}
		return n
	}
	userstest.Equal(t, "lists before", [2]int{1, 0}, lists())
	var ids []string
	for i, address := range []string{victim.Email, "stranger@example.com"} {
		ids = append(ids, p.create(address))
		userstest.Equal(t, "members and invitations after "+address, [2]int{1, 1 + i}, lists())
	}
	if n := p.count(`SELECT count(*) FROM users`); n != 2 {
		t.Errorf("%d accounts, want those of the admin and of the victim", n)
	}
	for _, id := range ids {
		p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	}
	userstest.Equal(t, "lists after", [2]int{1, 0}, lists())
	if n := p.count(`SELECT count(*) FROM users WHERE id = $1`, victim.UserID); n != 1 {
		t.Error("the victim's account is gone")
	}
}

func TestAccountIsTheOrganizationsAsLongAsTheDomainIs(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(*function.Config) {}, domains.Service,
		resetpassword.Service)
	accounts := func() int { return p.count(`SELECT count(*) FROM users`) }
	// The person gets a link that works, and is notified when the account is deleted.
	id := p.create("ada@example.com")
	body := object{"token": p.Token(p.MailTo("ada@example.com")), "password": "a longer password of hers"}
	p.Do("", http.MethodPost, "/v1/users/password/reset", body).Want(t, http.StatusNoContent)
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "deleted") || accounts() != 1 {
		t.Errorf("%d accounts, newest mail %q", accounts(), m.Subject)
	}
	// Once the domain is removed, the account belongs to the person, even if the domain is
	// claimed again.
	id = p.create("eve@example.com")
	p.Do(p.admin.Token, http.MethodDelete, userstest.OrganizationPath(p.admin.OrganizationID, "/domains/example.com"), nil).Want(t, http.StatusNoContent)
	p.trust("example.com")
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "replace", "path": "name.givenName", "value": "Taken"}`))
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	if accounts() != 2 || p.count(`SELECT count(*) FROM memberships WHERE organization_id = $1`, p.admin.OrganizationID) != 1 {
		t.Error("the account went, or the membership stays")
	}
}

func TestAddressFollowsTheDirectoryWithinVerifiedDomains(t *testing.T) {
	t.Parallel()
	p := provision(t)
	p.trust("acme.example")
	id := p.create("old@example.com")
	moved := strings.ReplaceAll(user("old@example.com"), `"old@`, `"new@`)
	p.call(http.StatusOK, http.MethodPut, "/Users/"+id, strings.ReplaceAll(moved, "new@example.com", "new@acme.example"))
	if n := len(p.Mail(1)); n != 3 || !strings.Contains(p.MailTo("old@example.com").Subject, "changed") {
		t.Errorf("%d mails, want a welcome to both, and a notice to the former address", n)
	}
	p.Do("", http.MethodPost, "/v1/users/login", `{"email": "new@acme.example", "password": "x"}`).Want(t, http.StatusUnauthorized)
	hire := p.call(http.StatusCreated, http.MethodPost, "/Users", strings.ReplaceAll(user("old@example.com"), "00u-", "00u-2-"))["id"].(string)
	taken := strings.ReplaceAll(user("old@example.com"), `"value": "old@example.com"`, `"value": "new@acme.example"`)
	p.call(http.StatusConflict, http.MethodPut, "/Users/"+hire, strings.ReplaceAll(taken, "00u-", "00u-2-"))
	// Not to an unverified domain, not for an account that belongs to the person, and not for
	// somebody with more rights than a member.
	outside := patch(`{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "eve@evil.example"}`)
	own := p.create(p.LoginTo(p.admin.OrganizationID, "member").Email)
	for _, who := range []string{hire, own} {
		if got := p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+who, outside); got["scimType"] != "mutability" {
			t.Errorf("%v", got)
		}
	}
	p.exec(`UPDATE memberships SET role = 'admin' WHERE user_id = (SELECT user_id FROM provisioned_people WHERE id = $1)`, hire)
	p.call(http.StatusForbidden, http.MethodPatch, "/Users/"+hire, patch(`{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "mine@example.com"}`))
	if n := p.count(`SELECT count(*) FROM audit_entries WHERE result = 'refused' AND resource_id = $1`, hire); n != 1 {
		t.Errorf("%d refusals in the trail, want 1", n)
	}
	// A person who becomes inactive is suspended, whatever else the request contains.
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+own, patch(`{"op": "replace", "value": {"active": false, "emails": [{"value": "eve@evil.example"}]}}`))
	// The address of an invitation changes, too.
	invited := p.create("someone@else.example")
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+invited, patch(`{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "someone@new.example"}`))
	p.MailTo("someone@new.example")
	if n := p.count(`SELECT count(*) FROM invitations WHERE ended_at IS NULL`); n != 1 {
		t.Errorf("%d open invitations, want 1", n)
	}
}

func TestInactiveAtCreationStaysOutside(t *testing.T) {
	t.Parallel()
	p := provision(t)
	off := func(name string) string { return strings.Replace(user(name), `"active": true`, `"active": false`, 1) }
	asking, member, owner := p.LoginTo(p.admin.OrganizationID, "member"), p.LoginTo(p.admin.OrganizationID, "member"), p.LoginTo(p.admin.OrganizationID, "owner")
	p.exec(`WITH u AS (UPDATE users SET email_verified_at = now() WHERE id = $1) UPDATE memberships SET status = 'requested' WHERE user_id = $1`, asking.UserID)
	standing := func(of uuid.UUID) (n int) {
		return p.count(`SELECT count(*) FROM memberships WHERE user_id = $1 AND status = 'active'`, of)
	}
	created := p.call(http.StatusCreated, http.MethodPost, "/Users", off(asking.Email))
	if created["active"] != false || standing(asking.UserID) != 0 {
		t.Error("who asked to join was let in, although inactive")
	}
	if got := p.call(http.StatusCreated, http.MethodPost, "/Users", off(member.Email)); got["active"] != false || standing(member.UserID) != 0 {
		t.Error("the member stays active")
	}
	p.call(http.StatusForbidden, http.MethodPost, "/Users", off(owner.Email))
	if standing(owner.UserID) != 1 {
		t.Error("the owner is suspended")
	}
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+created["id"].(string), patch(`{"op": "replace", "path": "active", "value": true}, {"op": "add", "path": "title", "value": "Dr"}`))
	if standing(asking.UserID) != 1 {
		t.Error("who asked to join is not let in, although active now")
	}
	if got := p.call(http.StatusOK, http.MethodGet, "/Users/"+created["id"].(string), nil); got["title"] != "Dr" {
		t.Errorf("%v", got)
	}
}

func TestKeyPutsNobodyIntoRolesBeyondItsOwn(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(*function.Config) {}, teammembers.Service,
		teams.Service, teamprovisioning.Service)
	personBody := p.create("ada@example.com")
	group := func(name string) string {
		return fmt.Sprintf(`{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": %q}`, name)
	}
	id := p.call(http.StatusCreated, http.MethodPost, "/Groups", group("Admins"))["id"].(string)
	p.exec(`INSERT INTO role_grants (id, organization_id, role, team_id, granted_by) VALUES ($1, $2, 'viewer', $3, $1)`, uuid.New(), p.admin.OrganizationID, id)
	join := patch(`{"op": "add", "path": "members", "value": [{"value": "` + personBody + `"}]}`)
	// A person's session cannot provision.
	owner := p.LoginTo(p.admin.OrganizationID, "owner")
	p.Do(owner.Token, http.MethodPatch, "/scim/v2/Groups/"+id, join).Want(t, http.StatusForbidden)
	p.call(http.StatusForbidden, http.MethodPatch, "/Groups/"+id, join)
	if p.count(`SELECT count(*) FROM team_members`) != 0 || p.count(`SELECT count(*) FROM audit_entries WHERE action = 'team_members:change' AND result = 'refused'`) != 1 {
		t.Error("the person is in, or the refusal is not in the trail")
	}
	mighty := p.as(p.admin, "roles:write", "organizations:read", "members:read", "teams:read", "datasets:read", "reports:read")
	p.exec(`UPDATE organizations SET settings = '{"require_second_person": true}'`)
	if got := mighty.call(http.StatusBadRequest, http.MethodPatch, "/Groups/"+id, join); got["scimType"] != "mutability" {
		t.Errorf("%v", got)
	}
	p.exec(`UPDATE organizations SET settings = '{}'`)
	mighty.call(http.StatusOK, http.MethodPatch, "/Groups/"+id, join)
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+id, patch(`{"op": "remove", "path": "members"}`))

	// Names follow the rules of teams. A team created by members can be handed over.
	for _, name := range []string{" \t", "a\nb", "Admins\u200b", strings.Repeat("é", 101)} {
		p.call(http.StatusBadRequest, http.MethodPost, "/Groups", group(name))
	}
	made := platformtest.Decode[access.Team](t, p.Do(p.admin.Token, http.MethodPost, userstest.OrganizationPath(p.admin.OrganizationID, "/teams"), object{"name": "Board"}).Want(t, http.StatusCreated)).ID
	p.call(http.StatusConflict, http.MethodPost, "/Groups", group(" BOARD "))
	of := userstest.OrganizationPath(p.admin.OrganizationID, "/teams/"+made.String()+"/provisioning")
	p.Do(p.admin.Token, http.MethodPut, of, nil).Want(t, http.StatusNoContent)
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+made.String(), join)
	p.Do(p.admin.Token, http.MethodDelete, of, nil).Want(t, http.StatusNoContent)
	p.call(http.StatusNotFound, http.MethodGet, "/Groups/"+made.String(), nil)
	if p.count(`SELECT count(*) FROM team_members WHERE team_id = $1`, made) != 1 {
		t.Error("the team was emptied")
	}
}

func TestRestOfTheProtocol(t *testing.T) {
	t.Parallel()
	p := provision(t)
	id := p.create("ada@example.com")
	search := `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "emails[type eq \"work\"].value eq \"ADA@example.com\"", "attributes": ["name.givenName"], "startIndex": 1, "count": 10}`
	found := p.call(http.StatusOK, http.MethodPost, "/Users/.search", search, "X-Forwarded-Host", "api.example.com", "X-Forwarded-Proto", "https")
	want := fmt.Sprintf("map[id:%s name:map[givenName:Wilhelmina] schemas:[urn:ietf:params:scim:schemas:core:2.0:User]]", id)
	if got := fmt.Sprint(found["Resources"].([]any)[0]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p.call(http.StatusOK, http.MethodPost, "/Groups/.search", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`)
	p.call(http.StatusBadRequest, http.MethodPost, "/Users/.search", `{}`)
	p.call(http.StatusNotImplemented, http.MethodGet, "/Me", nil)
	meta := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil, "X-Forwarded-Host", "api.example.com", "X-Forwarded-Proto", "https")["meta"].(object)
	if meta["location"] != "https://api.example.com/scim/v2/Users/"+id {
		t.Errorf("%v", meta)
	}
	same := p.Do(p.idp.Token, http.MethodGet, "/scim/v2/Users/"+id, nil, "If-None-Match", meta["version"].(string))
	if same.Status != http.StatusNotModified || len(same.Body) != 0 || same.Header.Get("ETag") != meta["version"] {
		t.Errorf("%d %s", same.Status, same.Body)
	}
	without := p.call(http.StatusOK, http.MethodGet, "/Users/"+id+"?excludedAttributes=name.givenName,emails.type", nil)
	if name := without["name"].(object); name["givenName"] != nil || name["familyName"] == nil || without["emails"].([]any)[0].(object)["type"] != nil {
		t.Errorf("%v", without)
	}
}
