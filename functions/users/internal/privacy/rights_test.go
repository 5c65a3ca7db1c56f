package privacy_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/activity"
	"function/functions/users/administer"
	apikeys "function/functions/users/api-keys"
	"function/functions/users/consents"
	eraseaccount "function/functions/users/erase-account"
	eraseuser "function/functions/users/erase-user"
	exportdata "function/functions/users/export-data"
	"function/functions/users/impersonate"
	"function/functions/users/internal/privacy"
	"function/functions/users/internal/userstest"
	"function/functions/users/login"
	"function/functions/users/profile"
	"function/functions/users/purposes"
	"function/functions/users/register"
	updateprofile "function/functions/users/update-profile"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
)

func mountRights(t *testing.T) *platformtest.Platform {
	t.Helper()
	return platformtest.New(t, register.Service, login.Service,
		profile.Service, updateprofile.Service,
		apikeys.Service, purposes.Service,
		consents.Service, administer.Service,
		impersonate.Service, activity.Service,
		exportdata.Service, eraseaccount.Service,
		eraseuser.Service)
}

const exportPath = "/v1/users/export"

// unzip returns the files of an export and checks that the JSON files are valid.
func unzip(t *testing.T, a platformtest.Answer) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(a.Body), int64(len(a.Body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(opened)
		if err != nil || strings.HasSuffix(f.Name, ".json") && !json.Valid(content) {
			t.Fatalf("%s: %v\n%s", f.Name, err, content)
		}
		files[f.Name] = string(content)
	}
	return files
}

func TestExportHoldsAllThatIsOnFile(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	const address = "ada.lovelace@example.com"
	ada := userstest.Registered(t, p, address, "")
	other := p.Login("owner")
	userstest.ExecSQL(t, p, `UPDATE users SET email_verified_at = now() WHERE id = $1`, ada.ID)
	userstest.LogIn(p, address, "wrong horse").Want(t, http.StatusUnauthorized)
	token := userstest.LoggedIn(t, p, address).AccessToken
	userstest.Change(p, token, `{"attributes": {"mother": "Wilhelmina"}}`).Want(t, http.StatusOK)
	p.Do(token, http.MethodPost, "/v1/api-keys", `{"name": "hers", "scopes": ["organizations:read"]}`).Want(t, http.StatusCreated)
	of := "/v1/organizations/" + ada.OrganizationID.String() + "/purposes"
	p.Do(token, http.MethodPost, of, `{"name": "newsletter", "text": "We write to you."}`).Want(t, http.StatusCreated)
	p.Do(token, http.MethodPost, "/v1/users/consents", `{"purpose": "newsletter", "version": 1}`).Want(t, http.StatusOK)
	userstest.ExecSQL(t, p, `INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, expires_at)
SELECT gen_random_uuid(), $2, '\x01', email_index, wrapped_key, email, 'analyst', gen_random_uuid(), now() FROM users WHERE id = $1`, ada.ID, other.OrganizationID)
	userstest.ExecSQL(t, p, `INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES (gen_random_uuid(), 'https://id.example', '\x04', $1)`, ada.ID)
	userstest.ExecSQL(t, p, `INSERT INTO recovery_codes (hash, user_id) VALUES ('\x02', $1)`, ada.ID)
	userstest.ExecSQL(t, p, `INSERT INTO sessions (id, user_id, organization_id, expires_at, ended_at, end_reason)
SELECT gen_random_uuid(), $1, $2, now(), now(), 'logout' FROM generate_series(1, 1200)`, ada.ID, ada.OrganizationID)
	record(t, p, database.Datasets, audit.Entry{Action: "datasets:create", OrganizationID: ada.OrganizationID, ActorID: ada.ID, ResourceID: "the data set"})
	record(t, p, database.Datasets, audit.Entry{Action: "datasets:create", OrganizationID: other.OrganizationID, ActorID: other.UserID, ResourceID: "somebody else's"})

	answer := p.Do(token, http.MethodGet, exportPath, nil).Want(t, http.StatusOK)
	if answer.Header.Get("Content-Type") != "application/zip" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header fields %v", answer.Header)
	}
	files := unzip(t, answer)
	for name, words := range map[string][]string{
		"account.json": {address, "Łovelace", "Wilhelmina", `"email_verified_at"`}, "organizations.json": {ada.OrganizationID.String(), `"owner"`},
		"invitations.json": {other.OrganizationID.String(), "analyst"}, "sessions.json": {"Go-http-client", "127.0.0.1", `"logout"`},
		"identities.json": {"https://id.example"}, "second_factors.json": {`"recovery_codes"`}, "api_keys.json": {`"hers"`, `"hint"`},
		"consents.json": {"newsletter", "127.0.0.1"}, "consent_texts.json": {"We write to you."},
		"activity.json": {"sessions:begin", "wrong password", "the data set", "profile:change"},
		"about.json":    {`"legal_basis"`, `"sessions"`, "Article 77"}, "provisioned.json": {"[]"},
	} {
		for _, word := range words {
			if !strings.Contains(files[name], word) {
				t.Errorf("%s does not hold %q:\n%.2000s", name, word, files[name])
			}
		}
		if !strings.Contains(files["README.txt"], name) {
			t.Errorf("README.txt does not tell of %s", name)
		}
	}
	var sessions []struct{ ID uuid.UUID }
	if err := json.Unmarshal([]byte(files["sessions.json"]), &sessions); err != nil || len(sessions) != 1201 {
		t.Errorf("%d sessions (%v), want all, past one reading", len(sessions), err)
	}
	for name, content := range files {
		for _, word := range []string{other.UserID.String(), "somebody else's", "$argon2id"} {
			if strings.Contains(content, word) {
				t.Errorf("%s holds %q", name, word)
			}
		}
	}
	if told := p.MailTo(address); !strings.Contains(told.Subject, "exported") {
		t.Errorf("the person is told %q", told.Subject)
	}
	userstest.Equal(t, "audit", []string{"users:export done"}, userstest.Audited(t, p, "users:export"))
}

// Data that others stored about an address is shown to its owner and not to somebody who merely
// registered it.
func TestExportOfAnAddressThatIsNotConfirmedTellsNothingOfIt(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	eve, other := p.Login("owner"), p.Login("owner")
	userstest.ExecSQL(t, p, `INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, expires_at)
SELECT gen_random_uuid(), $2, '\x01', email_index, wrapped_key, email, 'analyst', gen_random_uuid(), now() FROM users WHERE id = $1`, eve.UserID, other.OrganizationID)
	if got := unzip(t, p.Do(eve.Token, http.MethodGet, exportPath, nil).Want(t, http.StatusOK))["invitations.json"]; got != "[]\n" {
		t.Errorf("invitations.json: %s", got)
	}
}

func TestExport_Aborted_DoesNotOpen(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	ada := p.Login("owner")
	userstest.ExecSQL(t, p, `UPDATE sessions SET device = '\x00' WHERE user_id = $1`, ada.UserID) // does not open
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+exportPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+ada.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return // aborted before anything was sent
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil || response.StatusCode != http.StatusOK {
		t.Errorf("an export that broke off looks whole: %s, %d bytes", response.Status, len(body))
	}
}

func TestExportNeedsAFreshProofAndIsBounded(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	ada := p.Login("owner")
	late := p.Again(ada)
	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '16 minutes' WHERE id = $1`, late.SessionID)
	p.Do(late.Token, http.MethodGet, exportPath, nil).Want(t, http.StatusUnauthorized)
	p.Do("", http.MethodGet, exportPath, nil).Want(t, http.StatusUnauthorized)
	as := p.Login("owner")
	p.Impersonate(as.UserID)
	if status := p.Do(as.Token, http.MethodGet, exportPath, nil).Status; status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("who acts as the person gets %d", status)
	}
	statuses := userstest.Concurrently(12, func(int) platformtest.Answer { return p.Do(ada.Token, http.MethodGet, exportPath, nil) })
	if statuses[http.StatusOK] != 10 || statuses[http.StatusTooManyRequests] != 2 {
		t.Errorf("statuses %v, want 10 exports a day", statuses)
	}
	if after := p.Do(ada.Token, http.MethodGet, exportPath, nil).Want(t, http.StatusTooManyRequests).Header.Get("Retry-After"); len(after) != 5 {
		t.Errorf("retry after %q seconds, want most of a day", after)
	}
}

// exported names the file that contains each table's rows about a person, or says why there is
// none. Every new table with personal data must be added here.
var exported = map[string]string{
	"api_keys": "api_keys.json", "consent_decisions": "consents.json", "external_identities": "identities.json", "memberships": "organizations.json",
	"passkeys": "second_factors.json", "recovery_codes": "second_factors.json", "role_grants": "organizations.json", "sessions": "sessions.json",
	"team_members": "organizations.json", "totp_secrets": "second_factors.json", "provisioned_people": "provisioned.json", "invitations": "invitations.json",
	"challenges": "gone in minutes", "mailed_tokens": "gone in a day, secrets", "name_prefixes": "keyed hashes of the name", "known_sources": "keyed hashes of addresses", "password_history": "secrets",
	"registrations": "of no account yet, gone in a day", "password_reset_requests": "gone in a day", "users": "account.json",
}

func TestEveryTableOfAPersonIsExportedOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	rows, _ := p.DB(database.Users).Query(context.Background(), `
SELECT DISTINCT table_name::text FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name IN ('user_id', 'email_index', 'wrapped_key') AND table_name <> 'mails'`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 15 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	readme := unzip(t, p.Do(p.Login("owner").Token, http.MethodGet, exportPath, nil).Want(t, http.StatusOK))["README.txt"]
	for _, table := range tables {
		where, ok := exported[table]
		if !ok || strings.HasSuffix(where, ".json") && !strings.Contains(readme, where) {
			t.Errorf("table %s is in no file of the export, and nothing says why", table)
		}
	}
}

func TestPersonSeesWhatHappenedToTheirAccount(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	const address = "ada@example.com"
	ada := userstest.Registered(t, p, address, "")
	admin, other := userstest.PlatformAdmin(t, p), p.Login("owner")
	userstest.LogIn(p, address, "wrong horse").Want(t, http.StatusUnauthorized)
	token := userstest.LoggedIn(t, p, address).AccessToken
	for _, verb := range []string{"unlock", "impersonate"} {
		p.Do(admin.Token, http.MethodPost, "/v1/admin/users/"+ada.ID.String()+"/"+verb, userstest.ReasonBody)
	}
	record(t, p, database.Users, audit.Entry{Action: "members:suspend", OrganizationID: other.OrganizationID, ActorID: other.UserID, ResourceID: ada.ID.String()})
	record(t, p, database.Users, audit.Entry{Action: "members:suspend", OrganizationID: other.OrganizationID, ActorID: other.UserID, ResourceID: other.UserID.String()})
	record(t, p, database.Users, audit.Entry{Action: "members:approve", OrganizationID: ada.OrganizationID, ActorID: ada.ID, ResourceID: other.UserID.String()})

	answer := p.Do(token, http.MethodGet, "/v1/users/activity", nil).Want(t, http.StatusOK)
	var got []string
	for _, a := range platformtest.Decode[page.Page[privacy.Activity]](t, answer).Items {
		got = append(got, strings.TrimSpace(fmt.Sprintln(a.What, "by", a.By, a.Result, a.Refusal, a.Reason)))
		if a.Action == "sessions:begin" && a.Result == "done" && (a.Device == nil || a.Device.UserAgent == "" || a.Network == "") {
			t.Errorf("%+v: want the device and the network of the login", a)
		}
	}
	want := []string{"members: approve", "Suspended in the organization by organization done", "Impersonation begun by platform_admin done  Ticket 4711",
		"Unlocked after failed logins by a platform admin by platform_admin done  Ticket 4711", "Login by you done", "Login by unknown refused wrong password", "Account opened by"}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want[1:] {
		if !strings.HasPrefix(got[i+1], want[i+1]) {
			t.Errorf("entry %d is %q, want %q", i+1, got[i+1], want[i+1])
		}
	}
	for _, id := range []uuid.UUID{admin.UserID, other.UserID} {
		if strings.Contains(string(answer.Body), id.String()) {
			t.Error("the activity names somebody else")
		}
	}
	first := platformtest.Decode[page.Page[privacy.Activity]](t, p.Do(token, http.MethodGet, "/v1/users/activity?limit=3", nil))
	second := platformtest.Decode[page.Page[privacy.Activity]](t, p.Do(token, http.MethodGet, "/v1/users/activity?limit=3&cursor="+first.NextCursor, nil))
	if len(first.Items) != 3 || len(second.Items) != 3 || second.Items[0].What != "Unlocked after failed logins by a platform admin" {
		t.Errorf("by pages: %+v\n%+v", first, second)
	}
	for _, trail := range []string{"datasets", "analytics"} {
		p.Do(token, http.MethodGet, "/v1/users/activity?trail="+trail, nil).Want(t, http.StatusOK)
	}
	as := p.Again(platformtest.Caller{Caller: auth.Caller{UserID: ada.ID, OrganizationID: ada.OrganizationID}})
	p.Impersonate(ada.ID)
	seen := p.Do(as.Token, http.MethodGet, "/v1/users/activity", nil).Want(t, http.StatusOK)
	if strings.Contains(string(seen.Body), "4711") || !strings.Contains(string(seen.Body), "users:impersonate") {
		t.Errorf("who acts as the person sees %s", seen.Body)
	}
}

func TestAdminErasesWhoCannotLogIn(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	member, admin := p.Login("owner"), userstest.PlatformAdmin(t, p)
	shared := p.LoginTo(uuid.New(), "member")
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'owner', 'active')`, member.UserID, shared.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE users SET suspended_at = now() WHERE id = $1`, member.UserID)
	at := func(id uuid.UUID) string { return "/v1/admin/users/" + id.String() + "/erase" }
	const all = `{"reason": "Ticket 4711", "delete_organizations": true}`

	for body, word := range map[string]string{userstest.ReasonBody: "Nobody else is in " + member.OrganizationID.String(), all: "last owner of " + shared.OrganizationID.String()} {
		if got := userstest.Detail(t, p.Do(admin.Token, http.MethodPost, at(member.UserID), body).Want(t, http.StatusConflict)); !strings.Contains(got, word) {
			t.Errorf("%q does not say %q", got, word)
		}
	}
	p.Do(admin.Token, http.MethodPost, at(admin.UserID), all).Want(t, http.StatusConflict)
	p.Do(admin.Token, http.MethodPost, at(uuid.New()), all).Want(t, http.StatusNotFound)
	p.Do(shared.Token, http.MethodPost, at(member.UserID), all).Want(t, http.StatusForbidden)
	p.Do(admin.Token, http.MethodPost, at(member.UserID), `{"delete_organizations": true}`).Want(t, http.StatusUnprocessableEntity)
	if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE id = $1`, member.UserID); n != 1 {
		t.Fatal("a refused erasure erased")
	}

	p.LoginTo(shared.OrganizationID, "owner")
	p.Do(admin.Token, http.MethodPost, at(member.UserID), all).Want(t, http.StatusNoContent)
	if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE id = $1`, member.UserID) + userstest.Count(t, p, `SELECT count(*) FROM organizations WHERE id = $1`, member.OrganizationID); n != 0 {
		t.Errorf("%d of the account and its organization are left", n)
	}
	if told := p.MailTo(member.Email); !strings.Contains(told.Text, "administrator") {
		t.Errorf("the person is told %q", told.Text)
	}
	if erased := platformtest.Published[events.UserErased](p, 1); len(erased) != 1 || erased[0].Data.UserID != member.UserID {
		t.Errorf("events %+v", erased)
	}
	if n := userstest.CountAudit(t, p, shared.OrganizationID, "users:erase", "done"); n != 1 {
		t.Errorf("%d entries in the trail of the organization that stays", n)
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'users:erase' AND detail::text LIKE '%4711%'`); n != 0 {
		t.Error("the reason is in the trail in the clear")
	}
	acts := platformtest.Decode[page.Page[privacy.Activity]](t, p.Do(admin.Token, http.MethodGet, "/v1/users/activity", nil)).Items
	if i := slices.IndexFunc(acts, func(a privacy.Activity) bool { return a.Action == "users:erase" && a.Result == "done" }); i < 0 || acts[i].Reason != "Ticket 4711" {
		t.Errorf("the admin does not find why: %+v", acts)
	}
	p.Do(admin.Token, http.MethodPost, at(member.UserID), all).Want(t, http.StatusNotFound)
}

func TestErasuresByThePersonAndAdminsAtOnceHaveOneWinner(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	member, admins := p.Login("owner"), []platformtest.Caller{userstest.PlatformAdmin(t, p), userstest.PlatformAdmin(t, p)}
	statuses := userstest.Concurrently(3, func(i int) platformtest.Answer {
		if i == 2 {
			return userstest.Erase(p, member.Token, "?delete_organizations=true")
		}
		return p.Do(admins[i].Token, http.MethodPost, "/v1/admin/users/"+member.UserID.String()+"/erase", `{"reason": "asked", "delete_organizations": true}`)
	})
	if statuses[http.StatusNoContent] != 1 {
		t.Errorf("statuses %v, want one winner", statuses)
	}
	if told := platformtest.Published[events.UserErased](p, 1); len(told) != 1 {
		t.Errorf("%d events", len(told))
	}
}

func TestProfileTellsWhetherTheAddressIsConfirmed(t *testing.T) {
	t.Parallel()
	p := mountRights(t)
	ada := p.Login("member")
	for _, verified := range []bool{false, true} {
		userstest.ExecSQL(t, p, `UPDATE users SET email_verified_at = CASE WHEN $2 THEN now() END WHERE id = $1`, ada.UserID, verified)
		userstest.Equal(t, "email_verified", verified, userstest.Read(t, p.Do(ada.Token, http.MethodGet, userstest.ProfilePath, nil)).EmailVerified)
	}
}

// A person can withdraw their consent whatever blocks them in the organization, and after they
// have left it (GDPR Article 7(3)).
func TestConsentIsWithdrawnWhateverStandsInBetween(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a second factor is demanded": `UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = $2 AND $1::uuid IS NOT NULL`,
		"a new password is demanded":  `UPDATE users SET must_change_password = true WHERE id = $1 AND $2::uuid IS NOT NULL`,
		"the membership is suspended": `UPDATE memberships SET status = 'suspended' WHERE user_id = $1 AND organization_id = $2`,
		"the person has left":         `DELETE FROM memberships WHERE user_id = $1 AND organization_id = $2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPurpose(t)
			member := p.LoginTo(p.owner.OrganizationID, "viewer")
			p.give(member.Token, 1).Want(t, http.StatusOK)
			userstest.ExecSQL(t, p.Platform, change, member.UserID, p.owner.OrganizationID)
			token := p.Again(member).Token
			type list struct{ Items []privacy.ConsentState }
			states := platformtest.Decode[list](t, p.Do(token, http.MethodGet, "/v1/users/consents", nil).Want(t, http.StatusOK)).Items
			if len(states) != 1 || !states[0].Given || states[0].OrganizationID != p.owner.OrganizationID {
				t.Errorf("states %+v, want the consent", states)
			}
			if h := p.history(token); len(h) != 1 || h[0].OrganizationID != p.owner.OrganizationID || h[0].Device == "" {
				t.Errorf("history %+v, want the decision", h)
			}
			p.withdraw(token).Want(t, http.StatusUnprocessableEntity)
			in := "?organization_id=" + p.owner.OrganizationID.String()
			p.Do(token, http.MethodDelete, "/v1/users/consents/another"+in, nil).Want(t, http.StatusNotFound)
			got := platformtest.Decode[privacy.ConsentState](t, p.Do(token, http.MethodDelete, "/v1/users/consents/newsletter"+in, nil).Want(t, http.StatusOK))
			if got.Given || got.DecidedAt == nil {
				t.Errorf("state %+v, want withdrawn", got)
			}
			e := platformtest.Published[events.ConsentWithdrawn](p.Platform, 1)
			if e[0].Data.OrganizationID != p.owner.OrganizationID || e[0].Data.UserID != member.UserID || time.Since(e[0].Data.DecidedAt) > time.Hour {
				t.Errorf("published %+v", e)
			}
			userstest.Equal(t, "entries in the organization's trail", 1, userstest.CountAudit(t, p.Platform, p.owner.OrganizationID, "consents:withdraw", "done"))
			stranger := p.Login("owner")
			p.Do(stranger.Token, http.MethodDelete, "/v1/users/consents/newsletter"+in, nil).Want(t, http.StatusNotFound)
			if h := p.history(stranger.Token); len(h) != 0 {
				t.Errorf("a stranger sees %+v", h)
			}
		})
	}
}

func TestConsentsOfFormerMembersAreShownApart(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	left := p.LoginTo(p.owner.OrganizationID, "viewer")
	p.give(left.Token, 1).Want(t, http.StatusOK)
	p.give(p.owner.Token, 1).Want(t, http.StatusOK)
	userstest.ExecSQL(t, p.Platform, `DELETE FROM memberships WHERE user_id = $1`, left.UserID)
	type body struct {
		Items []struct {
			UserID        uuid.UUID `json:"user_id"`
			Given, Member bool
		}
		Counts []struct{ Given, Undecided, Former int }
	}
	got := platformtest.Decode[body](t, p.Do(p.owner.Token, http.MethodGet, userstest.OrganizationPath(p.owner.OrganizationID, "/consents"), nil).Want(t, http.StatusOK))
	if len(got.Items) != 2 || !got.Items[0].Member || got.Items[1].Member || !got.Items[1].Given || got.Items[1].UserID != left.UserID {
		t.Errorf("items %+v", got.Items)
	}
	if diff := cmp.Diff([]struct{ Given, Undecided, Former int }{{1, 0, 1}}, got.Counts); diff != "" {
		t.Error(diff)
	}
}
