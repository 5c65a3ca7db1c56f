package privacy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	listaudit "function/functions/users/list-audit"
	listconsents "function/functions/users/list-consents"
	organizationsettings "function/functions/users/organization-settings"
	"function/functions/users/purposes"
	searchmembers "function/functions/users/search-members"
	serviceaccounts "function/functions/users/service-accounts"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/platformtest"
)

const sealer = "platform-seal-audit"

func actions(lines []audit.Line) (all []string) {
	for _, l := range lines {
		all = append(all, l.Action)
	}
	return all
}

func record(t *testing.T, p *platformtest.Platform, in database.Name, e audit.Entry) {
	t.Helper()
	ctx := context.Background()
	if err := database.Transact(ctx, p.DB(in), func(tx *database.Tx) error { return audit.Record(ctx, tx, e) }); err != nil {
		t.Fatal(err)
	}
}

func TestAnOrganizationReadsItsTrail(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	owner, stranger := p.Login("compliance_officer"), p.Login("owner")
	org, actor := owner.OrganizationID, uuid.New()
	record(t, p, database.Users, audit.Entry{Action: "a:one", OrganizationID: org, ActorID: actor, ResourceID: "r"})
	time.Sleep(2 * time.Millisecond)
	middle := time.Now().UTC().Format(time.RFC3339Nano)
	time.Sleep(2 * time.Millisecond)
	record(t, p, database.Users, audit.Entry{Action: "a:two", OrganizationID: org, ActorID: actor, Refused: "No"})
	record(t, p, database.Datasets, audit.Entry{Action: "d:one", OrganizationID: org, ActorID: actor})
	record(t, p, database.Analytics, audit.Entry{Action: "q:one", OrganizationID: org, ActorID: actor})
	record(t, p, database.Users, audit.Entry{Action: "s:one", OrganizationID: stranger.OrganizationID, ActorID: actor})
	record(t, p, database.Users, audit.Entry{Action: "p:one", Platform: true})
	mine := "actor_id=" + actor.String()
	for query, want := range map[string]string{
		"?" + mine: "a:two a:one", "?" + mine + "&action=a:one": "a:one", "?resource_id=r": "a:one", "?result=refused": "a:two",
		"?" + mine + "&from=" + middle: "a:two", "?" + mine + "&to=" + middle: "a:one", "?" + mine + "&from=" + middle + "&to=" + middle: "",
		"?trail=datasets": "d:one", "?trail=analytics": "q:one", "?action=s:one": "", "?action=p:one": "",
	} {
		if got := strings.Join(actions(userstest.Entries(t, p, owner.Token, query).Items), " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	first := userstest.Entries(t, p, owner.Token, "?limit=1&"+mine)
	second := userstest.Entries(t, p, owner.Token, "?limit=1&"+mine+"&cursor="+first.NextCursor)
	if got := append(actions(first.Items), actions(second.Items)...); cmp.Diff([]string{"a:two", "a:one"}, got) != "" || second.NextCursor != "" {
		t.Errorf("by pages: %v, then %q", got, second.NextCursor)
	}
	read := userstest.Entries(t, p, owner.Token, "?action=audit:read&limit=200").Items
	if len(read) < 13 || read[0].ActorID != owner.UserID || read[0].Network == "" {
		t.Errorf("%d readings are audited, want each: %+v", len(read), read[0])
	}
	for _, bad := range []string{"?trail=all", "?from=yesterday", "?actor_id=me", "?result=x", "?limit=0", "?cursor=x", "?acton=a:one", "?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z",
		"/export?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "/export?from=x", "/checkpoints?cursor=-1"} {
		p.Do(owner.Token, http.MethodGet, "/v1/audit"+bad, nil).Want(t, http.StatusUnprocessableEntity)
	}
	member := p.LoginTo(org, "member")
	for _, path := range []string{"/v1/audit", "/v1/audit/export", "/v1/audit/checkpoints", "/v1/admin/audit"} {
		p.Do(member.Token, http.MethodGet, path, nil).Want(t, http.StatusForbidden)
		p.Do("", http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)
	}
	p.Do(stranger.Token, http.MethodGet, "/v1/admin/audit", nil).Want(t, http.StatusForbidden)
}

func TestEveryTrailIsSealedAndExported(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	owner := p.Login("owner")
	for _, trail := range audit.Trails {
		for range 3 {
			record(t, p, trail.Database(), audit.Entry{Action: "a:b", OrganizationID: owner.OrganizationID})
		}
	}
	p.Wake(sealer).Want(t, http.StatusNoContent)
	p.Wake(sealer).Want(t, http.StatusNoContent)
	keys, err := audit.ParseKeys(p.Do("", http.MethodGet, "/v1/audit/keys", nil).Want(t, http.StatusOK).Body)
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v (%v), want one", keys, err)
	}
	for _, trail := range audit.Trails {
		answer := p.Do(owner.Token, http.MethodGet, "/v1/audit/export?trail="+string(trail), nil).Want(t, http.StatusOK)
		report, err := audit.Verify(strings.NewReader(string(answer.Body)), keys)
		if err != nil || len(report.Findings) > 0 || report.Trail != trail || report.Entries != 3 {
			t.Errorf("%s: %+v (%v), want 3 entries without findings", trail, report, err)
		}
		list := platformtest.Decode[page.Page[listaudit.Checkpoint]](t, p.Do(owner.Token, http.MethodGet, "/v1/audit/checkpoints?trail="+string(trail), nil))
		if len(list.Items) != 1 || list.Items[0].Seq != 3 {
			t.Errorf("%s: checkpoints %+v, want one at 3", trail, list)
		}
	}
	if got := userstest.Entries(t, p, owner.Token, "?action=audit:export").Items; len(got) != 3 {
		t.Errorf("%d exports are audited, want 3", len(got))
	}
	// A retired key still verifies what it has signed.
	if _, err := p.DB(database.Users).Exec(context.Background(), `DELETE FROM signing_keys`); err != nil {
		t.Fatal(err)
	}
	later, err := audit.ParseKeys(p.Do("", http.MethodGet, "/v1/audit/keys", nil).Want(t, http.StatusOK).Body)
	if diff := cmp.Diff(keys, later); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestASealerThatFailsOnOneTrailSealsTheOthers(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	ctx := context.Background()
	if _, err := p.Administrator(database.Users).Exec(ctx, `ALTER TABLE audit_entries RENAME TO broken`); err != nil {
		t.Fatal(err)
	}
	record(t, p, database.Analytics, audit.Entry{Action: "a:b", OrganizationID: uuid.New()})
	p.Wake(sealer).Want(t, http.StatusInternalServerError)
	var unsealed int
	if err := p.DB(database.Analytics).QueryRow(ctx, `SELECT count(*) FROM audit_entries WHERE seq IS NULL`).Scan(&unsealed); err != nil || unsealed != 0 {
		t.Errorf("%d entries unsealed (%v)", unsealed, err)
	}
}

func TestRefusalsAreAuditedAndAFloodOfThemIsCounted(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	owner := p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	db, ctx := p.DB(database.Users), context.Background()
	const attempts = 40
	var all sync.WaitGroup
	for range attempts {
		all.Go(func() { p.Do(member.Token, http.MethodGet, "/v1/audit", nil).Want(t, http.StatusForbidden) })
	}
	all.Wait()
	refusals := userstest.Entries(t, p, owner.Token, "?result=refused").Items
	if len(refusals) < 10 || len(refusals) > 20 { // ten of each minute, and a minute may have ended
		t.Fatalf("%d refusals in the trail, want the first 10 of a minute", len(refusals))
	}
	l := refusals[0]
	if l.Action != "audit:read" || l.ActorID != member.UserID || l.ActorKind != "person" || !strings.Contains(l.Reason, "audit:read") ||
		l.TraceID == "" || l.Network == "" || !strings.Contains(string(l.Detail), "users-list-audit") {
		t.Errorf("entry %+v, want who was refused what, why and from where", l)
	}
	if _, err := db.Exec(ctx, `UPDATE refusal_counts SET minute = minute - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	p.Wake(sealer).Want(t, http.StatusNoContent)
	p.Wake(sealer).Want(t, http.StatusNoContent)
	var counted int
	err := db.QueryRow(ctx, `SELECT sum((detail ->> 'refusals')::int) FROM audit_entries WHERE action = 'refusals:omit' AND actor_kind = 'platform' AND resource_id = $1`,
		member.UserID.String()).Scan(&counted)
	if err != nil || counted+len(refusals) != attempts {
		t.Errorf("%d refusals counted (%v) beside %d, want %d in all", counted, err, len(refusals), attempts)
	}
	// A refusal of an unknown caller is in no trail, and another organization does not see this
	// one.
	p.Do("", http.MethodGet, "/v1/audit", nil).Want(t, http.StatusUnauthorized)
	if stranger := p.Login("owner"); len(userstest.Entries(t, p, stranger.Token, "?result=refused").Items) != 0 {
		t.Error("another organization reads the refusals")
	}
}

func TestAnActThatIsTriedAgainIsRecordedAsItWasInTheEnd(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	store, err := store.Open(t.Context(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	again := false
	err = act.Do(t.Context(), store.DB, audit.Entry{Action: "acts:end", Platform: true}, func(_ *outbox.Tx, entry *audit.Entry) error {
		if again {
			return nil
		}
		again, entry.Action = true, "acts:begin"
		return &pgconn.PgError{Code: "40001"}
	})
	if got := userstest.Audited(t, p, "acts:"); err != nil || !slices.Equal(got, []string{"acts:end done"}) {
		t.Errorf("%v, recorded %q; want the second try alone", err, got)
	}
}

// Attempts with identifiers of other organizations are recorded in the trail of the caller's own
// organization.
func TestAttemptsOnOtherOrganizationsAreAuditedInTheCallersOwn(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t, organizationsettings.Service,
		serviceaccounts.Service, purposes.Service,
		listconsents.Service, searchmembers.Service)
	theirs, stranger := p.Login("owner"), p.Login("owner")
	const attempts = 15
	for range attempts {
		p.Do(stranger.Token, http.MethodPatch, "/v1/organizations/"+theirs.OrganizationID.String()+"/settings", `{}`).Want(t, http.StatusNotFound)
	}
	p.Do(stranger.Token, http.MethodGet, "/v1/organizations/"+uuid.NewString()+"/settings", nil).Want(t, http.StatusNotFound)
	refusals := userstest.Entries(t, p, stranger.Token, "?result=refused").Items
	if len(refusals) < 10 || len(refusals) > attempts { // ten of each minute, and a minute may have ended
		t.Fatalf("%d refusals in the trail, want the first 10 of a minute", len(refusals))
	}
	l := refusals[len(refusals)-1]
	if l.ActorID != stranger.UserID || l.ResourceID != theirs.OrganizationID.String() || l.Action != "organizations:write" || l.Reason == "" || l.Network == "" {
		t.Errorf("entry %+v, want who tried what on which organization", l)
	}
	if got := userstest.Entries(t, p, theirs.Token, "?result=refused").Items; len(got) != 0 {
		t.Errorf("the other organization's trail tells of it: %+v", got)
	}
	for _, path := range []string{"/service-accounts", "/purposes", "/consents", "/members/search?name=ada"} {
		other := p.Login("owner")
		p.Do(other.Token, http.MethodGet, "/v1/organizations/"+theirs.OrganizationID.String()+path, nil).Want(t, http.StatusNotFound)
		if got := userstest.Entries(t, p, other.Token, "?result=refused").Items; len(got) != 1 {
			t.Errorf("%s: %d refusals in the trail, want one", path, len(got))
		}
	}
}

func TestThePlatformsOwnTrailIsExportedAndVerified(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	admin := p.Login("owner")
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE users SET platform_admin = true WHERE id = $1`, admin.UserID); err != nil {
		t.Fatal(err)
	}
	for _, trail := range audit.Trails {
		record(t, p, trail.Database(), audit.Entry{Action: "a:b", Platform: true})
		record(t, p, trail.Database(), audit.Entry{Action: "a:c", OrganizationID: admin.OrganizationID})
	}
	p.Wake(sealer).Want(t, http.StatusNoContent)
	keys, err := audit.ParseKeys(p.Do("", http.MethodGet, "/v1/audit/keys", nil).Want(t, http.StatusOK).Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, trail := range audit.Trails {
		list := platformtest.Decode[page.Page[listaudit.Checkpoint]](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/audit/checkpoints?trail="+string(trail), nil).Want(t, http.StatusOK))
		if len(list.Items) != 1 {
			t.Fatalf("%s: checkpoints %+v, want one", trail, list)
		}
		answer := p.Do(admin.Token, http.MethodGet, "/v1/admin/audit/export?trail="+string(trail), nil).Want(t, http.StatusOK)
		report, err := audit.Verify(strings.NewReader(string(answer.Body)), keys, list.Items[0].Statement)
		if err != nil || len(report.Findings) > 0 || report.Trail != trail || report.OrganizationID != uuid.Nil || report.Last != list.Items[0].Seq ||
			strings.Contains(string(answer.Body), "a:c") {
			t.Errorf("%s: %+v (%v), want the platform's own entries alone, without findings", trail, report, err)
		}
	}
	exports := platformtest.Decode[page.Page[audit.Line]](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/audit?action=audit:export", nil).Want(t, http.StatusOK))
	if len(exports.Items) != 3 || exports.Items[0].ActorID != admin.UserID {
		t.Errorf("exports in the platform's trail: %+v, want 3", exports.Items)
	}
}

func TestReadingATrailTellsWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	owner := p.Login("owner")
	actor, resource := uuid.NewString(), uuid.NewString()
	userstest.Entries(t, p, owner.Token, "?actor_id="+actor+"&resource_id="+resource+"&action=a:one&result=done&from=2026-01-01T01:00:00%2B01:00")
	userstest.Entries(t, p, owner.Token, "?resource_id=ada@example.com")
	read := userstest.Entries(t, p, owner.Token, "?action=audit:read").Items
	for i, want := range []string{
		`{"trail": "users"}`,
		`{"from": "2026-01-01T00:00:00Z", "trail": "users", "action": "a:one", "result": "done", "actor_id": "` + actor + `", "resource_id": "` + resource + `"}`,
	} {
		var got, wanted map[string]any
		if err := errors.Join(json.Unmarshal(read[i+1].Detail, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Error(diff)
		}
	}
	p.Do(owner.Token, http.MethodGet, "/v1/audit?action=ada@example.com", nil).Want(t, http.StatusUnprocessableEntity)
}

func TestARefusalStandsWhenItCannotBeAudited(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	member := p.Login("member")
	if _, err := p.DB(database.Users).Exec(context.Background(), `DROP FUNCTION published.record_refusal`); err != nil {
		t.Fatal(err)
	}
	p.Do(member.Token, http.MethodGet, "/v1/audit", nil).Want(t, http.StatusForbidden)
}

func TestTheVerifierOfTokensCannotWriteTheTrail(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	ctx := context.Background()
	verifier := p.Env.Config.IdentityDatabaseURL
	db, err := database.Open(ctx, verifier)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, sql := range []string{`SELECT * FROM audit_entries`, `DELETE FROM audit_entries`, `SELECT * FROM refusal_counts`, `SELECT * FROM statement_keys`} {
		if _, err := db.Exec(ctx, sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v, want insufficient privilege", sql, err)
		}
	}
}

func TestALongTrailIsExportedWhole(t *testing.T) {
	t.Parallel()
	p := userstest.MountAudit(t)
	owner := p.Login("owner")
	const n = 3000
	_, err := p.DB(database.Datasets).Exec(context.Background(), `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result)
SELECT gen_random_uuid(), $1, now(), 'platform', $1, 'things:do', 'done' FROM generate_series(1, $2)`, owner.OrganizationID, n)
	if err != nil {
		t.Fatal(err)
	}
	p.Wake(sealer).Want(t, http.StatusNoContent)
	keys, err := audit.ParseKeys(p.Do("", http.MethodGet, "/v1/audit/keys", nil).Body)
	if err != nil {
		t.Fatal(err)
	}
	body := p.Do(owner.Token, http.MethodGet, "/v1/audit/export?trail=datasets", nil).Want(t, http.StatusOK).Body
	if report, err := audit.Verify(strings.NewReader(string(body)), keys); err != nil || report.Last != n || len(report.Findings) > 0 {
		t.Errorf("%s (%v), want %d entries", fmt.Sprint(report), err, n)
	}
}
