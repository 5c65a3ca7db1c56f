package lifecycle_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	apikeys "function/functions/users/api-keys"
	eraseaccount "function/functions/users/erase-account"
	forgetprofile "function/functions/users/forget-profile"
	"function/functions/users/identities"
	"function/functions/users/internal/credential"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/functions/users/invitations"
	"function/functions/users/organizations"
	purgeorganizations "function/functions/users/purge-organizations"
	switchorganization "function/functions/users/switch-organization"
	updateprofile "function/functions/users/update-profile"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/documents"
	_ "function/shared/documents/mongodb"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/secret"
)

func mountErasure(t *testing.T, change func(*function.Config)) *platformtest.Platform {
	return platformtest.NewWith(t, change, append(userstest.Declarations(),
		eraseaccount.Service,
		forgetprofile.Service,
		updateprofile.Service,
		switchorganization.Service,
		organizations.Service,
		purgeorganizations.Service,
		invitations.Service,
		identities.Service,
		apikeys.Service)...)
}

// remains returns the contents of the users database: each table as text, and each binary value.
func remains(t *testing.T, p *platformtest.Platform) (texts map[string]string, values [][]byte) {
	t.Helper()
	ctx, db := context.Background(), p.DB(database.Users)
	rows, _ := db.Query(ctx, `
SELECT format('%I.%I', c.table_schema, c.table_name), coalesce(array_agg(quote_ident(c.column_name)) FILTER (WHERE c.data_type = 'bytea'), '{}')
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY 1`)
	binary := map[string][]string{}
	var table string
	var columns []string
	if _, err := pgx.ForEachRow(rows, []any{&table, &columns}, func() error { binary[table] = slices.Clone(columns); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(binary) < 30 {
		t.Fatalf("%d tables found", len(binary))
	}
	texts = map[string]string{}
	for table, columns := range binary {
		texts[table] = userstest.QueryValue[string](t, p, `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`)
		for _, column := range columns {
			rows, _ := db.Query(ctx, `SELECT `+column+` FROM `+table+` WHERE `+column+` IS NOT NULL`)
			found, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, found...)
		}
	}
	return texts, values
}

// sealedFields are the encryption contexts of personal fields in all tables.
var sealedFields = []string{
	person.EmailField, person.FirstNameField, person.LastNameField, session.DeviceField, session.AddressField, membership.InvitationField,
	notify.NewAddressField, credential.PasskeyNameField, "users.profile", "mails.message", "provisioned_people.attributes", "audit_entries.reason",
	"consent_decisions.device", "consent_decisions.address",
}

// opened returns everything that the keys in a database can decrypt.
func opened(t *testing.T, p *platformtest.Platform, values, sealed [][]byte) string {
	t.Helper()
	keeper, err := p.Env.Keeper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var plain strings.Builder
	for _, value := range values {
		key, err := keeper.Unwrap(context.Background(), value)
		if err != nil {
			continue
		}
		for _, s := range sealed {
			for _, field := range sealedFields {
				if text, err := secret.Unseal(key, field, s); err == nil {
					plain.WriteString(text + "\n")
				}
			}
		}
	}
	return plain.String()
}

const fillTables = `
WITH a AS (INSERT INTO password_reset_requests (id, email_index) SELECT gen_random_uuid(), email_index FROM users WHERE id = $1),
     b AS (INSERT INTO totp_secrets (user_id, secret) SELECT id, first_name FROM users WHERE id = $1),
     c AS (INSERT INTO name_prefixes (organization_id, prefix_index, user_id) SELECT organization_id, '', user_id FROM memberships WHERE user_id = $1),
     d AS (INSERT INTO mailed_tokens (hash, purpose, user_id, email, expires_at) SELECT '\x01', 'email_change', id, email, now() + interval '1 hour' FROM users WHERE id = $1),
     e AS (INSERT INTO password_history (user_id, password_hash) SELECT id, password_hash FROM users WHERE id = $1),
     f AS (INSERT INTO recovery_codes (hash, user_id) VALUES ('\x02', $1)),
     g AS (INSERT INTO challenges (hash, purpose, user_id, expires_at) VALUES ('\x03', 'second_factor', $1, now() + interval '1 hour')),
     h AS (INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES (gen_random_uuid(), 'https://id.example', '\x04', $1)),
     i AS (INSERT INTO purposes (id, organization_id, name) SELECT gen_random_uuid(), $2::uuid, 'newsletter' RETURNING id),
     j AS (INSERT INTO purpose_texts (purpose_id, version, text, text_sha256, published_by) SELECT id, 1, 'x', '', $1 FROM i RETURNING purpose_id),
     k AS (INSERT INTO registrations (id, email_index, user_id, wrapped_key, email, first_name, last_name, password_hash, expires_at)
           SELECT gen_random_uuid(), email_index, gen_random_uuid(), wrapped_key, email, first_name, last_name, '', now() + interval '1 hour' FROM users WHERE id = $1),
     l AS (INSERT INTO provisioned_people (id, organization_id, email_index, user_name_index, wrapped_key, attributes)
           SELECT gen_random_uuid(), $2, email_index, email_index, wrapped_key, email FROM users WHERE id = $1)
INSERT INTO consent_decisions (id, organization_id, user_id, purpose_id, number, version, given) SELECT gen_random_uuid(), $2, $1, purpose_id, 1, 1, true FROM j`

func TestErasedAccountLeavesNothingReadable(t *testing.T) {
	t.Parallel()
	for name, mongo := range map[string]bool{"PostgreSQL": false, "MongoDB": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var url string
			if mongo {
				url = platformtest.MongoDB(t)
			}
			leavesNothing(t, mountErasure(t, func(c *function.Config) { c.MongoURL = url }))
		})
	}
}

func leavesNothing(t *testing.T, p *platformtest.Platform) {
	const address = "ada.lovelace@example.com"
	other := p.Login("owner")
	ada := userstest.Registered(t, p, address, "")
	tokens, again := userstest.LoggedIn(t, p, address), userstest.LoggedIn(t, p, address)
	userstest.LogIn(p, address, "wrong horse").Want(t, http.StatusUnauthorized)
	userstest.Change(p, tokens.AccessToken, `{"attributes": {"mother": "Wilhelmina"}}`).Want(t, http.StatusOK)
	p.Do(other.Token, http.MethodPost, userstest.OrganizationPath(other.OrganizationID, "/invitations"), `{"email": "`+address+`", "role": "member"}`).Want(t, http.StatusCreated)
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', 'active')`, ada.ID, other.OrganizationID)
	key := platformtest.Decode[struct {
		Key string `json:"key"`
	}](t, p.Do(tokens.AccessToken, http.MethodPost, "/v1/api-keys", `{"name": "hers", "scopes": ["organizations:read"]}`).Want(t, http.StatusCreated)).Key
	userstest.Exec(t, p, fillTables, ada.ID, other.OrganizationID)
	p.Mail(1)
	document := userstest.QueryValue[*uuid.UUID](t, p, `SELECT profile_document FROM users WHERE id = $1`, ada.ID)

	_, before := remains(t, p)
	hers := []string{address, "Łovelace", "Wilhelmina"}
	for _, word := range hers[:2] {
		if !strings.Contains(opened(t, p, before, before), word) {
			t.Fatalf("the scan does not find %q while it is there", word)
		}
	}

	userstest.Erase(p, tokens.AccessToken, "?delete_organizations=true").Want(t, http.StatusNoContent)

	told := p.MailTo(address)
	if !strings.Contains(told.Text, "If it was not you") || strings.Contains(told.Text, "Łovelace") {
		t.Errorf("the person is told %q", told.Text)
	}
	texts, after := remains(t, p)
	for table, text := range texts {
		for _, word := range append(hers, "ada", "Ada", "correct horse") {
			if strings.Contains(text, word) && word != "ada" || strings.Contains(text, hex.EncodeToString([]byte(word))) && len(word) > 4 {
				t.Errorf("table %s holds %q in the clear", table, word)
			}
		}
		if id := ada.ID.String(); strings.Contains(text, id) && !slices.Contains([]string{"public.audit_entries", "public.outbox", "public.purpose_texts"}, table) {
			t.Errorf("table %s speaks of the person", table)
		}
	}
	if plain := opened(t, p, after, append(before, after...)); strings.Contains(plain, address) || strings.Contains(plain, "Łovelace") || strings.Contains(plain, "Wilhelmina") {
		t.Error("a key that is left opens what was hers")
	}
	for table, query := range map[string]string{"email indexes": `SELECT count(*) FROM login_failures WHERE account IS NOT NULL`, "invitations": `SELECT count(*) FROM invitations`} {
		if n := userstest.Count(t, p, query); n != 0 {
			t.Errorf("%d %s are left", n, table)
		}
	}

	userstest.WaitUntilRefused(t, p, tokens.AccessToken)
	userstest.WaitUntilRefused(t, p, again.AccessToken)
	userstest.Exchange(p, again.RefreshToken).Want(t, http.StatusUnauthorized)
	verifier, err := p.Env.Verifier(context.Background()) // of another pod
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{tokens.AccessToken, again.AccessToken, key} {
		if caller, err := verifier.Verify(context.Background(), token); err == nil {
			t.Errorf("another pod takes a token of %+v", caller)
		}
	}
	userstest.Equal(t, "a login of nobody's", userstest.Detail(t, userstest.LogIn(p, "nobody@example.com", "correct horse").Want(t, http.StatusUnauthorized)),
		userstest.Detail(t, userstest.LogIn(p, address, "correct horse").Want(t, http.StatusUnauthorized)))

	erased := platformtest.Published[events.UserErased](p, 1)[0]
	if erased.Data.UserID != ada.ID || time.Since(erased.Data.ErasedAt) > time.Hour {
		t.Errorf("event %+v", erased.Data)
	}
	if ended := platformtest.Published[events.MembershipEnded](p, 1); len(ended) != 1 || ended[0].Data.UserID != ada.ID || ended[0].Data.OrganizationID != other.OrganizationID {
		t.Errorf("events %+v", ended)
	}
	if gone := platformtest.Published[events.OrganizationDeleted](p, 1); len(gone) != 1 || gone[0].Data.OrganizationID != ada.OrganizationID {
		t.Errorf("events %+v", gone)
	}
	forgets(t, p, erased, *document)

	second := userstest.Registered(t, p, address, "")
	if second.ID == ada.ID || second.OrganizationID == ada.OrganizationID {
		t.Errorf("the second %+v is the first %+v", second, ada)
	}
	got := userstest.Read(t, p.Do(userstest.LoggedIn(t, p, address).AccessToken, http.MethodGet, userstest.ProfilePath, nil))
	if len(got.Attributes) != 0 || got.ID != second.ID {
		t.Errorf("the second person has %+v", got)
	}
}

// forgets delivers the event several times and checks that the document is gone.
func forgets(t *testing.T, p *platformtest.Platform, erased events.Received[events.UserErased], document uuid.UUID) {
	t.Helper()
	ctx := context.Background()
	mongo, err := p.Env.Documents()
	if err != nil {
		t.Fatal(err)
	}
	if mongo != nil {
		if _, err := mongo.Get(ctx, person.ProfileDocuments, document); err != nil {
			t.Errorf("the document before its event: %v", err)
		}
	}
	if statuses := userstest.Concurrently(4, func(int) platformtest.Answer { return platformtest.Deliver(p, "users-forget-profile", erased) }); statuses[http.StatusNoContent] != 4 {
		t.Errorf("statuses %v", statuses)
	}
	if mongo != nil {
		if _, err := mongo.Get(ctx, person.ProfileDocuments, document); err != documents.ErrNotFound {
			t.Errorf("the document after its event: %v", err)
		}
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM documents`); n != 0 {
		t.Errorf("%d documents are left", n)
	}
}

func TestUnreachableDocumentsAreForgottenLater(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(c *function.Config) {
		c.MongoURL = "mongodb://127.0.0.1:1/aic?serverSelectionTimeoutMS=100&connectTimeoutMS=100"
	})
	document := uuid.New()
	erased := platformtest.Event(events.UserErased{UserID: uuid.New(), ProfileDocument: &document, ErasedAt: time.Now()})
	platformtest.Deliver(p, "users-forget-profile", erased).Want(t, http.StatusServiceUnavailable)
	if n := userstest.Count(t, p, `SELECT count(*) FROM consumed_events`); n != 0 {
		t.Error("the event counts as consumed")
	}
}

func TestLastOwnerIsToldWhatStandsInTheWay(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	ada := p.Login("owner")
	alone := ada.OrganizationID
	shared := p.LoginTo(uuid.New(), "member").OrganizationID
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'owner', 'active')`, ada.UserID, shared)

	for query, want := range map[string][]string{"": {"last owner of " + shared.String(), "Nobody else is in " + alone.String(), "delete_organizations=true"}, "?delete_organizations=true": {shared.String()}} {
		got := userstest.Detail(t, userstest.Erase(p, ada.Token, query).Want(t, http.StatusConflict))
		for _, words := range want {
			if !strings.Contains(got, words) {
				t.Errorf("%q does not say %q", got, words)
			}
		}
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE id = $1`, ada.UserID); n != 1 {
		t.Error("a refused erasure erased")
	}
	userstest.Equal(t, "audit", []string{"users:erase refused", "users:erase refused"}, userstest.Audited(t, p, "users:erase"))

	bob := p.LoginTo(shared, "owner")
	userstest.Erase(p, ada.Token, "?delete_organizations=maybe").Want(t, http.StatusUnprocessableEntity)
	userstest.Erase(p, ada.Token, "?delete_organizations=true").Want(t, http.StatusNoContent)
	if n := userstest.Count(t, p, `SELECT count(*) FROM organizations WHERE id = $1`, alone); n != 0 {
		t.Error("the organization that nobody else was in is still there")
	}
	if n := userstest.CountAudit(t, p, shared, "users:erase", "done"); n != 1 {
		t.Errorf("%d entries in the trail of the organization that stays", n)
	}

	// An organization that is being deleted does not prevent the erasure and is kept for its
	// grace period.
	p.Do(bob.Token, http.MethodDelete, userstest.OrganizationPath(shared, ""), nil).Want(t, http.StatusOK)
	userstest.Erase(p, userstest.NewSession(t, p, bob), "").Want(t, http.StatusNoContent)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1`, shared)
	p.Wake("users-purge-organizations").Want(t, http.StatusNoContent)
	if n := userstest.Count(t, p, `SELECT count(*) FROM organizations WHERE id = $1`, shared); n != 0 {
		t.Error("an organization without an owner was not purged")
	}
}

func TestErasureNeedsAFreshProofOfThePersonThemselves(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	ada := p.Login("owner")
	key := platformtest.Decode[struct {
		Key string `json:"key"`
	}](t, p.Do(ada.Token, http.MethodPost, "/v1/api-keys", `{"name": "hers", "scopes": ["organizations:read"]}`).Want(t, http.StatusCreated)).Key
	userstest.Erase(p, "", "").Want(t, http.StatusUnauthorized)
	userstest.Erase(p, key, "?delete_organizations=true").Want(t, http.StatusForbidden)
	late := p.Again(ada)
	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '16 minutes' WHERE id = $1`, late.SessionID)
	answer := userstest.Erase(p, late.Token, "?delete_organizations=true").Want(t, http.StatusUnauthorized)
	if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", max_age=900` {
		t.Errorf("the demand is %q", got)
	}
	impersonated := p.Login("owner")
	p.Impersonate(impersonated.UserID)
	userstest.Erase(p, impersonated.Token, "?delete_organizations=true").Want(t, http.StatusForbidden)
	if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE id IN ($1, $2)`, ada.UserID, impersonated.UserID); n != 2 {
		t.Errorf("%d people are left, want both", n)
	}
}

func TestErasuresAtOnceHaveOneWinner(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	ada := p.Login("owner")
	statuses := userstest.Concurrently(6, func(int) platformtest.Answer { return userstest.Erase(p, ada.Token, "?delete_organizations=true") })
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusUnauthorized] != 5 {
		t.Errorf("statuses %v, want one winner", statuses)
	}
	if told := platformtest.Published[events.UserErased](p, 1); len(told) != 1 {
		t.Errorf("%d events", len(told))
	}

	// Two owners of one organization: one of them stays.
	one := p.Login("owner")
	two := p.LoginTo(one.OrganizationID, "owner")
	tokens := []string{one.Token, two.Token}
	statuses = userstest.Concurrently(2, func(i int) platformtest.Answer { return userstest.Erase(p, tokens[i], "") })
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict] != 1 {
		t.Errorf("statuses %v, want one owner who is left", statuses)
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1 AND role = 'owner'`, one.OrganizationID); n != 1 {
		t.Errorf("%d owners are left", n)
	}
}

func TestErasureAgainstLoginsAndRefreshesLeavesNoHalfState(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	for round := range 5 {
		address := fmt.Sprintf("ada%d@example.com", round)
		ada := userstest.Registered(t, p, address, "")
		tokens := userstest.LoggedIn(t, p, address)
		statuses := userstest.Concurrently(8, func(i int) platformtest.Answer {
			switch {
			case i == 3:
				return userstest.Erase(p, tokens.AccessToken, "?delete_organizations=true")
			case i%2 == 0:
				return userstest.LogIn(p, address, "correct horse")
			case i == 5:
				return userstest.Change(p, tokens.AccessToken, `{"attributes": {"a": 1}}`)
			}
			return userstest.Exchange(p, tokens.RefreshToken)
		})
		for status := range statuses {
			if !slices.Contains([]int{http.StatusOK, http.StatusNoContent, http.StatusUnauthorized, http.StatusForbidden}, status) {
				t.Errorf("statuses %v", statuses)
			}
		}
		if statuses[http.StatusNoContent] == 0 { // a refresh token was used twice, which ended the session first
			userstest.Erase(p, userstest.LoggedIn(t, p, address).AccessToken, "?delete_organizations=true").Want(t, http.StatusNoContent)
		}
		if n := userstest.Count(t, p, `SELECT count(*) FROM users WHERE id = $1`, ada.ID) + userstest.Count(t, p, `SELECT count(*) FROM sessions`) +
			userstest.Count(t, p, `SELECT count(*) FROM documents`); n != 0 {
			t.Errorf("%d accounts, sessions and documents are left", n)
		}
	}
}

func TestPersonOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	issuer := platformtest.NewOIDCIssuer(t)
	p := mountErasure(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{issuer.Config()}, base64.StdEncoding.EncodeToString(make([]byte, 32))
	})
	ada := p.Login("owner")
	token := issuer.Token("ada", nil)
	p.Do(ada.Token, http.MethodPost, "/v1/users/identities", map[string]string{"token": token}).Want(t, http.StatusCreated)

	got := userstest.Read(t, p.Do(token, http.MethodGet, userstest.ProfilePath, nil))
	if got.ID != ada.UserID || got.OrganizationID != ada.OrganizationID || got.Role != "owner" || got.Email != ada.Email {
		t.Errorf("profile %+v", got)
	}
	if got := userstest.Read(t, userstest.Change(p, token, `{"display_name": "Countess"}`)); got.DisplayName != "Countess" {
		t.Errorf("profile %+v", got)
	}
	p.Do(token, http.MethodGet, "/v1/organizations", nil).Want(t, http.StatusOK)
	p.Do(token, http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusOK)
	for path, body := range map[string]string{"/v1/users/logout": ``, "/v1/users/sessions/organization": `{"organization_id": "` + ada.OrganizationID.String() + `"}`} {
		if got := userstest.Detail(t, p.Do(token, http.MethodPost, path, body).Want(t, http.StatusForbidden)); !strings.Contains(got, "token is from another issuer") {
			t.Errorf("%s answers %q", path, got)
		}
	}

	answer := userstest.Erase(p, token, "?delete_organizations=true").Want(t, http.StatusUnauthorized)
	if got := userstest.Detail(t, answer); !strings.Contains(got, "at your issuer again with max_age=900") || !strings.Contains(answer.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("the step-up is demanded as %q, %v", got, answer.Header)
	}
	userstest.ExecSQL(t, p, `UPDATE users SET suspended_at = now()`)
	userstest.WaitUntilRefused(t, p, token)
	userstest.ExecSQL(t, p, `UPDATE users SET suspended_at = NULL`)
	p.LoginTo(ada.OrganizationID, "owner")
	userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'requested', role = 'member' WHERE user_id = $1`, ada.UserID)
	fresh := issuer.Token("ada", map[string]any{"auth_time": time.Now().Unix()})
	if got := userstest.Read(t, p.Do(fresh, http.MethodGet, userstest.ProfilePath, nil)); got.MembershipStatus != "requested" {
		t.Errorf("profile %+v of somebody who is not let in", got)
	}
	userstest.Erase(p, fresh, "").Want(t, http.StatusNoContent)
	userstest.WaitUntilRefused(t, p, fresh)
}

func TestTheLastPlatformAdminIsNotErased(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	admins := []platformtest.Caller{userstest.PlatformAdmin(t, p), userstest.PlatformAdmin(t, p)}
	statuses := userstest.Concurrently(2, func(i int) platformtest.Answer { return userstest.Erase(p, admins[i].Token, "") })
	userstest.Equal(t, "answers", map[int]int{http.StatusNoContent: 1, http.StatusConflict: 1}, statuses)
	userstest.Equal(t, "admins", 1, userstest.Count(t, p, `SELECT count(*) FROM users WHERE platform_admin`))
	userstest.Equal(t, "refusals on record", 1, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'users:erase' AND result = 'refused'`))
}

func TestMailThatWaitsIsTakenBackFromWhomIsErased(t *testing.T) {
	t.Parallel()
	p := mountErasure(t, func(*function.Config) {})
	account := userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	inviting := p.Login("owner")
	invite := map[string]string{"email": "ADA@example.com", "role": "member"}
	p.Do(inviting.Token, http.MethodPost, "/v1/organizations/"+inviting.OrganizationID.String()+"/invitations", invite).Want(t, http.StatusCreated)
	userstest.Exec(t, p, `INSERT INTO mails (id, wrapped_key, message, person_id) VALUES (gen_random_uuid(), '', '', $1)`, account.ID) // to another address of theirs
	userstest.Equal(t, "mails that wait", 3, userstest.Count(t, p, `SELECT count(*) FROM mails`))

	userstest.Erase(p, token, "?delete_organizations=true").Want(t, http.StatusNoContent)

	mails := p.Mail(1)
	if len(mails) != 1 || mails[0].Subject != "Your account was erased" {
		t.Errorf("%d mails go out, want the notice of the erasure alone", len(mails))
	}
}
