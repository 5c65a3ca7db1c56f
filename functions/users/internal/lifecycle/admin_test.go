package lifecycle_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/administer"
	findusers "function/functions/users/find-users"
	"function/functions/users/impersonate"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/logout"
	"function/functions/users/profile"
	searchmembers "function/functions/users/search-members"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/page"
	"function/shared/platformtest"
)

func mountAdmin(t *testing.T) *platformtest.Platform {
	t.Helper()
	return userstest.MountAudit(t, findusers.Service,
		administer.Service,
		impersonate.Service, searchmembers.Service,
		profile.Service, logout.Service)
}

func TestPlatformAdminsFindPeople(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	member, owner := p.Login("owner"), p.Login("owner")
	admin := userstest.PlatformAdmin(t, p)
	find := func(query string) page.Page[findusers.Account] {
		t.Helper()
		return platformtest.Decode[page.Page[findusers.Account]](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/users"+query, nil).Want(t, http.StatusOK))
	}
	got := find("?email=" + strings.ToUpper(member.Email)).Items
	want := []findusers.Membership{{OrganizationID: member.OrganizationID, Role: "owner", Status: "active"}}
	if len(got) != 1 || got[0].ID != member.UserID || got[0].Email != member.Email || got[0].FirstName != "Ada" || cmp.Diff(want, got[0].Memberships) != "" {
		t.Errorf("found %+v, want %s", got, member.Email)
	}
	if none := find("?email=nobody@example.com").Items; len(none) != 0 {
		t.Errorf("found %+v, want nobody", none)
	}
	var all []uuid.UUID
	for cursor := ""; ; {
		page := find("?limit=2&cursor=" + cursor)
		for _, a := range page.Items {
			all = append(all, a.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]uuid.UUID{admin.UserID, owner.UserID, member.UserID}, all); diff != "" {
		t.Error(diff)
	}
	p.Do(admin.Token, http.MethodGet, "/v1/admin/users/"+uuid.NewString(), nil).Want(t, http.StatusNotFound)
	for _, path := range []string{"/v1/admin/users", "/v1/admin/users/" + member.UserID.String()} {
		p.Do(owner.Token, http.MethodGet, path, nil).Want(t, http.StatusForbidden)
		p.Do("", http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)
	}
	platform := platformtest.Decode[page.Page[audit.Line]](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/audit?action=users:find", nil).Want(t, http.StatusOK)).Items
	if len(platform) != 4 || platform[0].ActorID != admin.UserID || strings.Contains(string(platform[3].Detail), "@") {
		t.Errorf("the platform's trail tells %+v, want each search and no address", platform)
	}
}

func TestSuspendingRestoringUnlockingAndResetting(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	member, admin := p.Login("owner"), userstest.PlatformAdmin(t, p)
	path := "/v1/admin/users/" + member.UserID.String()
	do := func(verb string, status int) {
		t.Helper()
		p.Do(admin.Token, http.MethodPost, path+"/"+verb, userstest.ReasonBody).Want(t, status)
	}
	do("restore", http.StatusConflict)
	do("suspend", http.StatusNoContent)
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "has suspended your account") {
		t.Errorf("mailed %q, want the person told", mail)
	}
	do("suspend", http.StatusConflict)
	do("impersonate", http.StatusConflict)
	p.Do(member.Token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusUnauthorized)
	do("restore", http.StatusNoContent)
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "ended the suspension") {
		t.Errorf("mailed %q, want the person told", mail)
	}
	do("unlock", http.StatusNoContent)
	again := p.Again(member)
	p.Do(again.Token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	do("force-password-reset", http.StatusNoContent)
	userstest.WaitUntilRefused(t, p, again.Token)
	var mustChange bool
	var ended string
	db := p.DB(database.Users)
	err := db.QueryRow(context.Background(), `SELECT must_change_password, end_reason FROM users u JOIN sessions s ON s.user_id = u.id WHERE s.id = $1`, again.SessionID).Scan(&mustChange, &ended)
	if err != nil || !mustChange || ended != "revoked" {
		t.Errorf("must change %v, session ended because %q (%v)", mustChange, ended, err)
	}
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "new password") {
		t.Errorf("mailed %q, want the person told", mail)
	}

	type body struct{ Acts []findusers.Act }
	acts := platformtest.Decode[body](t, p.Do(admin.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)).Acts
	var got []string
	for _, a := range acts {
		got = append(got, a.Action)
		if a.Reason != "Ticket 4711" || a.ActorID != admin.UserID {
			t.Errorf("%+v, want the reason and who", a)
		}
	}
	if diff := cmp.Diff([]string{"users:force_password_reset", "users:unlock", "users:restore", "users:suspend"}, got); diff != "" {
		t.Error(diff)
	}
	var clear, own int
	err = db.QueryRow(context.Background(), `
SELECT count(*) FILTER (WHERE detail::text || reason LIKE '%4711%'), count(*) FILTER (WHERE organization_id = $1) FROM audit_entries WHERE resource_id = $2`,
		member.OrganizationID, member.UserID.String()).Scan(&clear, &own)
	if err != nil || clear != 0 || own != 4 {
		t.Errorf("%d reasons in clear, %d entries in the organization's trail (%v); want 0 and 4", clear, own, err)
	}
}

func TestThePlatformAlwaysHasAnAdmin(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	for range 5 { // races
		admins := []platformtest.Caller{userstest.PlatformAdmin(t, p), userstest.PlatformAdmin(t, p)}
		userstest.Exec(t, p, `UPDATE users SET suspended_at = now() WHERE platform_admin AND id NOT IN ($1, $2)`, admins[0].UserID, admins[1].UserID)
		statuses := userstest.Concurrently(2, func(i int) platformtest.Answer {
			return p.Do(admins[i].Token, http.MethodPost, "/v1/admin/users/"+admins[1-i].UserID.String()+"/suspend", userstest.ReasonBody)
		})
		if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE platform_admin AND suspended_at IS NULL`); n != 1 || statuses[http.StatusNoContent] != 1 {
			t.Fatalf("%d admins are left of two who suspended each other, answered %v", n, statuses)
		}
	}
	for _, statement := range []string{
		`UPDATE users SET suspended_at = now() WHERE platform_admin`, `UPDATE users SET platform_admin = false`, `DELETE FROM users WHERE platform_admin`,
	} {
		_, err := p.DB(database.Users).Exec(context.Background(), statement)
		if !database.Violates(err, "platform_admin_kept") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestWhoMayNotAdminister(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	owner, admin := p.Login("owner"), userstest.PlatformAdmin(t, p)
	member := p.LoginTo(owner.OrganizationID, "member")
	for _, verb := range []string{"suspend", "restore", "force-password-reset", "reset-second-factors", "unlock", "impersonate", "grant-platform-admin", "revoke-platform-admin"} {
		at := func(id uuid.UUID) string { return "/v1/admin/users/" + id.String() + "/" + verb }
		p.Do(owner.Token, http.MethodPost, at(member.UserID), userstest.ReasonBody).Want(t, http.StatusForbidden)
		p.Do("", http.MethodPost, at(member.UserID), userstest.ReasonBody).Want(t, http.StatusUnauthorized)
		p.Do(admin.Token, http.MethodPost, at(admin.UserID), userstest.ReasonBody).Want(t, http.StatusConflict)
		p.Do(admin.Token, http.MethodPost, at(uuid.New()), userstest.ReasonBody).Want(t, http.StatusNotFound)
		for _, bad := range []string{`{}`, `{"reason":""}`, `{"reason":"a\nb\u0000"}`, `{"reason":"Ticket \u202e4711"}`, `{"reason":"\u200b \u200b "}`, `{"reason":"` + strings.Repeat("x", 201) + `"}`} {
			p.Do(admin.Token, http.MethodPost, at(member.UserID), bad).Want(t, http.StatusUnprocessableEntity)
		}
	}
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE sessions SET authenticated_at = now() - interval '1 day' WHERE id = $1`, admin.SessionID); err != nil {
		t.Fatal(err)
	}
	stale := p.LoginTo(admin.OrganizationID, "member")
	if _, err := p.DB(database.Users).Exec(context.Background(), `
WITH a AS (UPDATE users SET platform_admin = true WHERE id = $1) UPDATE sessions SET authenticated_at = now() - interval '1 day' WHERE user_id = $1`, stale.UserID); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"impersonate", "grant-platform-admin", "revoke-platform-admin"} {
		p.Do(stale.Token, http.MethodPost, "/v1/admin/users/"+member.UserID.String()+"/"+verb, userstest.ReasonBody).Want(t, http.StatusUnauthorized)
	}
}

func TestImpersonation(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	member, admin := p.Login("owner"), userstest.PlatformAdmin(t, p)
	path := "/v1/admin/users/" + member.UserID.String() + "/impersonate"
	p.Do(admin.Token, http.MethodPost, path, `{"reason":"Ticket 4711","organization_id":"`+admin.OrganizationID.String()+`"}`).Want(t, http.StatusConflict)
	tokens := platformtest.Decode[session.Tokens](t, p.Do(admin.Token, http.MethodPost, path, userstest.ReasonBody).Want(t, http.StatusOK))
	type body struct{ Email string }
	if got := platformtest.Decode[body](t, p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)); got.Email != member.Email {
		t.Errorf("acts as %s, want %s", got.Email, member.Email)
	}
	var minutes float64
	db, ctx := p.DB(database.Users), context.Background()
	if err := db.QueryRow(ctx, `SELECT extract(epoch FROM absolute_end - created_at) / 60 FROM sessions WHERE impersonator_id = $1`, admin.UserID).Scan(&minutes); err != nil || minutes != 30 {
		t.Errorf("the session lasts %f minutes (%v), want 30", minutes, err)
	}
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "Ticket 4711") {
		t.Errorf("mailed %q, want the person told why", mail)
	}
	// Both trails contain the impersonation, and actions under the person's name also name the
	// admin.
	p.Do(tokens.AccessToken, http.MethodGet, "/v1/audit", nil).Want(t, http.StatusOK)
	got := userstest.Entries(t, p, member.Token, "?limit=200").Items
	var acted, begun bool
	for _, l := range got {
		acted = acted || l.Action == "audit:read" && l.ActorID == member.UserID && l.ImpersonatorID != nil && *l.ImpersonatorID == admin.UserID
		begun = begun || l.Action == "users:impersonate" && l.ActorID == admin.UserID && l.ResourceID == member.UserID.String()
	}
	platform := platformtest.Decode[page.Page[audit.Line]](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/audit?action=users:impersonate", nil).Want(t, http.StatusOK)).Items
	if !acted || !begun || len(platform) != 2 || platform[0].Result != "done" || platform[1].Result != "refused" {
		t.Errorf("acted %v, begun %v, %+v in the platform's trail; want all three, and the refusal before", acted, begun, platform)
	}
	// It gives no further rights: neither to the platform nor, through it, to other people.
	p.Do(tokens.AccessToken, http.MethodGet, "/v1/admin/users", nil).Want(t, http.StatusForbidden)
	other := userstest.PlatformAdmin(t, p)
	p.Do(admin.Token, http.MethodPost, "/v1/admin/users/"+other.UserID.String()+"/impersonate", userstest.ReasonBody).Want(t, http.StatusForbidden)
	p.Do(tokens.AccessToken, http.MethodPost, "/v1/users/logout", nil).Want(t, http.StatusNoContent)
	var ended bool
	if err := db.QueryRow(ctx, `SELECT ended_at IS NOT NULL FROM sessions WHERE impersonator_id = $1`, admin.UserID).Scan(&ended); err != nil || !ended {
		t.Errorf("the session goes on after logout (%v)", err)
	}
	// It ends with the admin's own rights.
	again := platformtest.Decode[session.Tokens](t, p.Do(admin.Token, http.MethodPost, path, userstest.ReasonBody).Want(t, http.StatusOK))
	if _, err := db.Exec(ctx, `UPDATE users SET platform_admin = false WHERE id = $1`, admin.UserID); err != nil {
		t.Fatal(err)
	}
	p.Do(again.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusUnauthorized)
}

func TestMembersAreFoundByName(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	owner, stranger := p.Login("owner"), p.Login("owner")
	db, ctx := p.DB(database.Users), context.Background()
	path := "/v1/organizations/" + owner.OrganizationID.String() + "/members/search?name="
	type body struct {
		Items      []searchmembers.Member
		NextCursor string `json:"next_cursor"`
		Complete   bool
	}
	search := func(name string) body {
		t.Helper()
		return platformtest.Decode[body](t, p.Do(owner.Token, http.MethodGet, path+name, nil).Want(t, http.StatusOK))
	}
	prefixes := func() (n int) {
		t.Helper()
		if err := db.QueryRow(ctx, `SELECT count(*) FROM name_prefixes`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	set := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	p.Do(owner.Token, http.MethodGet, path+"ada", nil).Want(t, http.StatusConflict)
	set(`UPDATE organizations SET settings = '{"search_by_name": true}' WHERE id = $1`, owner.OrganizationID)
	rename := func(c platformtest.Caller, first, last string) {
		t.Helper()
		store, err := store.Open(ctx, p.Env)
		if err != nil {
			t.Fatal(err)
		}
		key, err := person.KeyOf(ctx, store, db, c.UserID)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := person.Name{Email: c.Email, FirstName: first, LastName: last}.Seal(key)
		if err != nil {
			t.Fatal(err)
		}
		set(`UPDATE users SET first_name = $2, last_name = $3 WHERE id = $1`, c.UserID, sealed.FirstName, sealed.LastName)
	}
	second := p.LoginTo(owner.OrganizationID, "viewer")
	rename(second, "Élodie", "von Habsburg-Lothringen")
	for name, want := range map[string]int{
		"ada": 1, "A": 1, "LOVE": 1, "lovelace": 1, "lovelacex": 0, "love+ada": 1, "ada+elo": 0, "elo": 1, "%C3%89LO": 1, "habsburg": 1, "habsburger": 0,
		"loth": 1, "lothringen": 1, "lothringer": 0, "bsburg": 0, "zz": 0,
	} {
		if got := search(name); len(got.Items) != want || !got.Complete {
			t.Errorf("%s: %+v, want %d", name, got, want)
		}
	}
	rename(second, "Grace", "Hopper")
	if len(search("elo").Items) != 0 || len(search("hop").Items) != 1 {
		t.Error("the old name is found, or the new one is not")
	}
	for _, bad := range []string{"", "%00", "---", strings.Repeat("x", 101)} {
		p.Do(owner.Token, http.MethodGet, path+bad, nil).Want(t, http.StatusUnprocessableEntity)
	}
	p.Do(stranger.Token, http.MethodGet, path+"ada", nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodGet, path+"ada", nil).Want(t, http.StatusUnauthorized)
	if prefixes() == 0 {
		t.Error("nothing is indexed")
	}
	set(`UPDATE organizations SET settings = '{}' WHERE id = $1`, owner.OrganizationID)
	if n := prefixes(); n != 0 {
		t.Errorf("%d prefixes are kept after the setting was switched off", n)
	}
}

func TestPlatformAdminsAreMadeAndUnmade(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	admin, member, owner := userstest.PlatformAdmin(t, p), p.Login("owner"), p.Login("owner")
	do := func(token string, on platformtest.Caller, verb string) platformtest.Answer {
		return p.Do(token, http.MethodPost, "/v1/admin/users/"+on.UserID.String()+"/"+verb, userstest.ReasonBody)
	}
	administers := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); p.Do(member.Token, http.MethodGet, "/v1/admin/users", nil).Status != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) { // only for a broken test
				t.Fatalf("the role has not taken effect after a minute, want %d", want)
			}
		}
	}
	administers(http.StatusForbidden)
	do(admin.Token, member, "revoke-platform-admin").Want(t, http.StatusConflict)
	do(member.Token, member, "grant-platform-admin").Want(t, http.StatusForbidden)

	do(admin.Token, member, "grant-platform-admin").Want(t, http.StatusNoContent)
	do(admin.Token, member, "grant-platform-admin").Want(t, http.StatusConflict)
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "made you one too") {
		t.Errorf("mailed %q, want the person told", mail)
	}
	administers(http.StatusOK)
	acting := platformtest.Decode[session.Tokens](t, do(member.Token, owner, "impersonate").Want(t, http.StatusOK)).AccessToken

	do(admin.Token, member, "revoke-platform-admin").Want(t, http.StatusNoContent)
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, member.Email) || !strings.Contains(mail, "no longer a platform administrator") {
		t.Errorf("mailed %q, want the person told", mail)
	}
	administers(http.StatusForbidden)
	p.Do(acting, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusUnauthorized)
	userstest.Exec(t, p, `UPDATE users SET suspended_at = now() WHERE id = $1`, owner.UserID)
	do(admin.Token, owner, "grant-platform-admin").Want(t, http.StatusConflict)

	for _, organization := range []uuid.UUID{member.OrganizationID, uuid.Nil} {
		for _, action := range []string{"platform_admins:add", "platform_admins:remove"} {
			const entries = `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = $2 AND result = 'done' AND resource_id = $3 AND actor_id = $4`
			if n := userstest.Count(t, p, entries, organization, action, member.UserID.String(), admin.UserID); n != 1 {
				t.Errorf("%d entries of %s in the trail of %s, want 1", n, action, organization)
			}
		}
	}
}

func TestRevokePlatformAdmin_Concurrent_OneRemains(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	revoke := func(as, on platformtest.Caller) platformtest.Answer {
		return p.Do(as.Token, http.MethodPost, "/v1/admin/users/"+on.UserID.String()+"/revoke-platform-admin", userstest.ReasonBody)
	}
	bystander := userstest.PlatformAdmin(t, p)
	for round := range 6 {
		admins := []platformtest.Caller{userstest.PlatformAdmin(t, p), userstest.PlatformAdmin(t, p)}
		if round == 3 { // from here on there are only these two
			userstest.Exec(t, p, `UPDATE users SET suspended_at = now() WHERE id = $1`, bystander.UserID)
		}
		if round >= 3 {
			userstest.Exec(t, p, `UPDATE users SET platform_admin = false WHERE platform_admin AND id NOT IN ($1, $2, $3)`, admins[0].UserID, admins[1].UserID, bystander.UserID)
		}
		statuses := userstest.Concurrently(2, func(i int) platformtest.Answer { return revoke(admins[i], admins[1-i]) })
		if statuses[http.StatusNoContent] != 1 || statuses[http.StatusForbidden] != 1 {
			t.Fatalf("answered %v to two who unmake each other, want one done and one refused", statuses)
		}
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE platform_admin AND suspended_at IS NULL`); n != 1 {
		t.Errorf("%d admins are left, want 1", n)
	}
}
