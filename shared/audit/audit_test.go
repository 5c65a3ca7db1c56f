package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// trail is an organization's trail in its own database.
type trail struct {
	*platformtest.Platform
	t            testing.TB
	db           *pgxpool.Pool
	organization uuid.UUID
	issuer       *auth.Issuer
	keys         audit.Keys
}

func newTrail(t testing.TB) *trail {
	t.Helper()
	p := platformtest.New(t)
	db := p.DB(database.Users)
	keeper, err := p.Env.Keeper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	tr := &trail{Platform: p, t: t, db: db, organization: uuid.New(), issuer: auth.NewIssuer(db, keeper, "test", "test"), keys: audit.Keys{}}
	if err := tr.issuer.Ready(context.Background()); err != nil {
		t.Fatal(err)
	}
	keys, err := auth.PublicKeys(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		tr.keys[k.KID] = k.PublicKey
	}
	return tr
}

func (tr *trail) record(n int) {
	tr.t.Helper()
	ctx := context.Background()
	err := database.Transact(ctx, tr.db, func(tx *database.Tx) error { return recordThings(ctx, tx, tr.organization, n) })
	if err != nil {
		tr.t.Fatal(err)
	}
}

func recordThings(ctx context.Context, tx *database.Tx, organization uuid.UUID, n int) error {
	for i := range n {
		e := audit.Entry{
			Action: "things:do", OrganizationID: organization, ActorID: uuid.New(), ResourceID: fmt.Sprint(i),
			Detail: map[string]any{"n": i, "text": "é<>&\u2028\"", "nested": map[string]any{"b": nil, "aa": []int{1, 2}}},
		}
		if err := audit.Record(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

func (tr *trail) seal(want int) {
	tr.t.Helper()
	if n, err := audit.Seal(context.Background(), tr.db, audit.UsersTrail, tr.issuer); err != nil || n != want {
		tr.t.Fatalf("sealed %d (%v), want %d", n, err, want)
	}
}

func (tr *trail) export() []string {
	tr.t.Helper()
	return tr.exportFrom(tr.db)
}

func (tr *trail) exportFrom(db audit.Reader) []string {
	tr.t.Helper()
	var out bytes.Buffer
	if err := audit.Export(context.Background(), db, tr.organization, time.Time{}, time.Time{}, &out); err != nil {
		tr.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func (tr *trail) verify(lines []string, known ...string) audit.Report {
	tr.t.Helper()
	report, err := audit.Verify(strings.NewReader(strings.Join(lines, "\n")), tr.keys, known...)
	if err != nil {
		tr.t.Fatal(err)
	}
	return report
}

// asAttacker runs SQL in a transaction of a superuser with the triggers disabled.
func (tr *trail) asAttacker(statements ...string) pgx.Tx {
	tr.t.Helper()
	ctx := context.Background()
	tx, err := tr.Administrator(database.Users).Begin(ctx)
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, sql := range append([]string{`SET LOCAL session_replication_role = replica`}, statements...) {
		done, err := tx.Exec(ctx, sql)
		if err != nil || done.RowsAffected() == 0 && (done.Update() || done.Delete()) {
			tr.t.Fatalf("%s: %v, %d rows", sql, err, done.RowsAffected())
		}
	}
	return tx
}

// nine returns a trail of nine entries with three checkpoints: at 3, 6 and 9.
func nine(t testing.TB) *trail {
	t.Helper()
	tr := newTrail(t)
	for range 3 {
		tr.record(3)
		tr.seal(3)
	}
	return tr
}

func TestVerify_SealedTrail_HasNoFindings(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	tr.record(1) // not sealed, so not exported
	lines := tr.export()
	report := tr.verify(lines)
	if len(report.Findings) > 0 || report.Entries != 9 || report.Checkpoints != 3 || report.First != 1 || report.Last != 9 ||
		report.OrganizationID != tr.organization || report.Trail != audit.UsersTrail || report.SignedAt.IsZero() {
		t.Errorf("%+v, want entries 1 to 9 of trail users without findings", report)
	}
	if len(lines) != 12 || !strings.HasPrefix(lines[3], `{"checkpoint"`) {
		t.Errorf("%d lines, want 12, the fourth a checkpoint:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	again := tr.verify(lines, checkpointOf(t, lines[11]), checkpointOf(t, lines[3]))
	if len(again.Findings) > 0 {
		t.Errorf("with kept checkpoints: %v", again.Findings)
	}
}

func TestVerify_PartOfATrail_HasNoFindings(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	for range 3 {
		for range 2 {
			tr.record(1)
			time.Sleep(2 * time.Millisecond) // identifiers have a resolution of milliseconds
		}
		tr.seal(2)
	}
	var from, to time.Time
	if err := tr.db.QueryRow(context.Background(), `SELECT min(at) FILTER (WHERE seq = 4), min(at) FILTER (WHERE seq = 5) FROM audit_entries`).Scan(&from, &to); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		from, to    time.Time
		first, last int64
	}{
		"from the middle of a batch": {from, time.Time{}, 3, 6},
		"to the middle of a batch":   {time.Time{}, from, 1, 4},
		"within a batch":             {from, to, 3, 4},
		"nothing":                    {from.Add(time.Hour), time.Time{}, 0, 0},
	} {
		var out bytes.Buffer
		if err := audit.Export(context.Background(), tr.db, tr.organization, test.from, test.to, &out); err != nil {
			t.Fatal(err)
		}
		report, err := audit.Verify(&out, tr.keys)
		if err != nil || len(report.Findings) > 0 || report.First != test.first || report.Last != test.last {
			t.Errorf("%s: %+v (%v), want entries %d to %d", name, report, err, test.first, test.last)
		}
	}
}

func checkpointOf(t testing.TB, line string) string {
	t.Helper()
	var x audit.Exported
	if err := json.Unmarshal([]byte(line), &x); err != nil || x.Checkpoint == "" {
		t.Fatalf("%s: no checkpoint (%v)", line, err)
	}
	return x.Checkpoint
}

func TestVerify_DatabaseTamperedWith_FindsThePlace(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	whole := tr.export()
	kept := checkpointOf(t, whole[len(whole)-1])
	shift := `UPDATE audit_entries SET seq = seq - 1 WHERE seq > 4`
	for name, test := range map[string]struct {
		attack []string
		want   []string // for each finding, in order
	}{
		"actor changed":          {[]string{`UPDATE audit_entries SET actor_id = gen_random_uuid() WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"action changed":         {[]string{`UPDATE audit_entries SET action = 'things:undo' WHERE seq = 1`}, []string{"entry 1: it was changed"}},
		"resource changed":       {[]string{`UPDATE audit_entries SET resource_id = 'x' WHERE seq = 9`}, []string{"entry 9: it was changed"}},
		"result changed":         {[]string{`UPDATE audit_entries SET result = 'refused' WHERE seq = 2`}, []string{"entry 2: it was changed"}},
		"reason changed":         {[]string{`UPDATE audit_entries SET reason = 'x' WHERE seq = 2`}, []string{"entry 2: it was changed"}},
		"time changed":           {[]string{`UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"kind changed":           {[]string{`UPDATE audit_entries SET actor_kind = 'platform' WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"impersonator put in":    {[]string{`UPDATE audit_entries SET impersonator_id = actor_id WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"network changed":        {[]string{`UPDATE audit_entries SET network = '10.0.0.0/24' WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"trace changed":          {[]string{`UPDATE audit_entries SET trace_id = 'x' WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"detail changed":         {[]string{`UPDATE audit_entries SET detail = '{"n": 7}' WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"identifier changed":     {[]string{`UPDATE audit_entries SET id = gen_random_uuid() WHERE seq = 5`}, []string{"entry 5: it was changed"}},
		"hash changed":           {[]string{`UPDATE audit_entries SET hash = sha256(hash) WHERE seq = 5`}, []string{"entry 5: it was changed", "entry 6: it does not continue from entry 5"}},
		"previous hash changed":  {[]string{`UPDATE audit_entries SET previous_hash = sha256(hash) WHERE seq = 5`}, []string{"entry 5: it does not continue from entry 4", "entry 5: it was changed"}},
		"first removed":          {[]string{`DELETE FROM audit_entries WHERE seq = 1`}, []string{"entry 2: entries 1 to 1 are missing before it"}},
		"middle removed":         {[]string{`DELETE FROM audit_entries WHERE seq = 5`}, []string{"entry 6: entries 5 to 5 are missing before it"}},
		"removed at checkpoint":  {[]string{`DELETE FROM audit_entries WHERE seq = 6`}, []string{"entry 6: entries 6 to 6 are missing before this checkpoint"}},
		"last removed":           {[]string{`DELETE FROM audit_entries WHERE seq = 9`}, []string{"entry 9: entries 9 to 9 are missing before this checkpoint"}},
		"several last removed":   {[]string{`DELETE FROM audit_entries WHERE seq > 4`}, []string{"entry 6: entries 5 to 6 are missing before this checkpoint", "entry 9: entries 7 to 9 are missing before this checkpoint"}},
		"all removed":            {[]string{`DELETE FROM audit_entries`}, []string{"entry 6: entries 4 to 6 are missing", "entry 9: entries 7 to 9 are missing"}},
		"removed and closed up":  {[]string{`DELETE FROM audit_entries WHERE seq = 4`, `ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_seq`, shift}, []string{"entry 4: it does not continue from entry 3", "entry 4: it was changed", "entry 5: it was changed", "entry 6: it was changed", "entry 6: this checkpoint does not match", "entry 7: it was changed", "entry 8: it was changed", "entry 9: entries 9 to 9 are missing before this checkpoint"}},
		"two swapped":            {[]string{`ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_seq`, `UPDATE audit_entries SET seq = 9 - seq WHERE seq IN (4, 5)`}, []string{"entry 4: it does not continue from entry 3", "entry 4: it was changed", "entry 5: it does not continue from entry 4", "entry 5: it was changed", "entry 6: it does not continue from entry 5"}},
		"end and word cut off":   {[]string{`DELETE FROM audit_checkpoints WHERE seq > 3`, `DELETE FROM audit_entries WHERE seq > 3`}, []string{"a checkpoint kept elsewhere covers this entry, but the export ends with entry 3"}},
		"newest word removed":    {[]string{`DELETE FROM audit_checkpoints WHERE seq = 9`}, []string{"a checkpoint kept elsewhere covers this entry, but the export ends with entry 6"}},
		"put in at the end":      {[]string{`INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result, seq, previous_hash, hash) SELECT gen_random_uuid(), organization_id, at, 'nobody', actor_id, 'x:y', 'done', 10, hash, sha256(hash) FROM audit_entries WHERE seq = 9`, `INSERT INTO audit_checkpoints SELECT organization_id, 10, hash, now(), statement FROM audit_checkpoints WHERE seq = 9`}, []string{"entry 10: it was changed", "entry 9: this checkpoint comes after entry 10", "entry 10: no checkpoint follows"}},
		"checkpoint of another":  {[]string{`UPDATE audit_checkpoints SET statement = (SELECT statement FROM audit_checkpoints WHERE seq = 3) WHERE seq = 6`}, []string{"entry 3: this checkpoint comes after entry 6"}},
		"organization exchanged": {[]string{`ALTER TABLE audit_entries DROP CONSTRAINT audit_entries_seq`, `UPDATE audit_entries SET organization_id = '00000000-0000-7000-8000-000000000001' WHERE seq = 5`}, []string{"entry 6: entries 5 to 5 are missing before it"}},
	} {
		t.Run(name, func(t *testing.T) {
			tx := tr.asAttacker(test.attack...)
			defer tx.Rollback(context.Background())
			report := tr.verify(tr.exportFrom(tx), kept)
			expect(t, report, test.want)
		})
	}
}

func expect(t *testing.T, report audit.Report, want []string) {
	t.Helper()
	var got []string
	for _, f := range report.Findings {
		got = append(got, f.String())
	}
	ok := len(got) == len(want)
	for i := range want {
		ok = ok && i < len(got) && strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestVerify_ExportTamperedWith_FindsThePlace(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	whole := tr.export() // entries on lines 0-2, 4-6, 8-10, checkpoints on 3, 7, 11
	other := newTrail(t)
	other.record(3)
	other.seal(3)
	foreign := other.export()
	without := func(i, j int) []string { return slices.Concat(whole[:i], whole[j:]) }
	with := func(i int, lines ...string) []string { return slices.Concat(whole[:i], lines, whole[i:]) }
	edited := func(i int, old, new string) []string {
		lines := slices.Clone(whole)
		lines[i] = strings.Replace(lines[i], old, new, 1)
		if lines[i] == whole[i] {
			t.Fatalf("%s is not in %s", old, whole[i])
		}
		return lines
	}
	swapped := slices.Clone(whole)
	swapped[4], swapped[5] = swapped[5], swapped[4]
	for name, test := range map[string]struct {
		lines []string
		want  []string
	}{
		"field changed":            {edited(4, `"things:do"`, `"things:did"`), []string{"line 5, entry 4: it was changed"}},
		"first removed":            {without(0, 1), []string{"line 1, entry 2: entries 1 to 1 are missing"}},
		"middle removed":           {without(5, 6), []string{"line 6, entry 6: entries 5 to 5 are missing"}},
		"last removed":             {without(10, 11), []string{"line 11, entry 9: entries 9 to 9 are missing before this checkpoint"}},
		"cut off at an entry":      {whole[:10], []string{"line 10, entry 8: no checkpoint follows"}},
		"cut off within a line":    {append(slices.Clone(whole[:11]), whole[11][:40]), []string{"line 12: this is not a line", "entry 9: no checkpoint follows"}},
		"swapped":                  {swapped, []string{"line 5, entry 5: entries 4 to 4 are missing", "line 6, entry 4: it comes after entry 5"}},
		"doubled":                  {with(5, whole[4]), []string{"line 6, entry 4: it comes after entry 4: out of order or repeated"}},
		"another organization's":   {with(5, foreign[0]), []string{"line 6, entry 1: it belongs to another organization"}},
		"foreign checkpoint":       {with(4, foreign[3]), []string{"does not belong to the platform"}},
		"forged signature":         {edited(3, `.`, `.e30`), []string{"line 4: this checkpoint is not valid"}},
		"unknown field":            {edited(4, `"trace_id"`, `"extra":1,"trace_id"`), []string{"line 5: this is not a line of an export", "entries 4 to 4 are missing"}},
		"doubled field":            {edited(4, `"result":`, `"result":"refused","result":`), []string{"line 5: this is not a line of an export", "entries 4 to 4 are missing"}},
		"field in another case":    {edited(4, `"result":`, `"Result":`), []string{"line 5: this is not a line of an export", "entries 4 to 4 are missing"}},
		"neither":                  {with(4, `{}`), []string{"line 5: this is not a line of an export"}},
		"not JSON":                 {with(4, `{"entry":`), []string{"line 5: this is not a line of an export"}},
		"a line that is too long":  {with(4, strings.Repeat("x", 2<<20)), []string{"line 5: this line is too long"}},
		"only the end":             {whole[8:], []string{"entry 7: entries 1 to 6 are missing before it, and no checkpoint covers them"}},
		"nothing but a checkpoint": {whole[3:4], nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, tr.verify(test.lines), test.want)
		})
	}
}

// A database's owner can recompute every hash, but cannot sign.
func TestVerify_RecomputedChain_ContradictsCheckpoints(t *testing.T) {
	t.Parallel()
	tr, forger := nine(t), newTrail(t)
	genuine := tr.export()
	forger.organization = tr.organization
	for range 3 {
		forger.record(3)
		forger.seal(3)
	}
	forged := forger.export()
	report := tr.verify(forged)
	expect(t, report, []string{"does not belong to the platform", "does not belong to the platform", "does not belong to the platform", "no checkpoint follows"})
	for _, i := range []int{3, 7, 11} {
		forged[i] = genuine[i]
	}
	expect(t, tr.verify(forged), []string{
		"line 4, entry 3: this checkpoint does not match", "line 8, entry 6: this checkpoint does not match",
		"line 12, entry 9: this checkpoint does not match",
	})
	expect(t, tr.verify(genuine, checkpointOf(t, forger.export()[3])), []string{"a checkpoint kept elsewhere is not valid"})
}

func TestCheckpoint_UsedAsAccessToken_IsRefusedAndViceVersa(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	caller := tr.Login("owner")
	tr.record(1)
	tr.seal(1)
	lines := tr.export()
	verifier, err := tr.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(context.Background(), checkpointOf(t, lines[1])); err == nil {
		t.Error("a checkpoint passes as an access token")
	}
	lines[1] = `{"checkpoint":"` + caller.Token + `"}`
	expect(t, tr.verify(lines), []string{"its type is not audit-checkpoint+jwt", "no checkpoint follows"})
	if _, err := tr.issuer.Sign(context.Background(), auth.TokenType, nil); err == nil {
		t.Error("a statement is signed as an access token")
	}
}

// The roles that functions log in as can neither rewrite the trail nor remove its protection.
func TestEntries_ChangedByAFunction_AreRefused(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	tr.record(1)
	ctx := context.Background()
	before := tr.export()
	for _, sql := range []string{
		`UPDATE audit_entries SET action = 'x:y'`, `UPDATE audit_entries SET seq = 11 WHERE seq = 9`, `UPDATE audit_entries SET seq = NULL, previous_hash = NULL, hash = NULL`,
		`UPDATE audit_entries SET seq = 10, previous_hash = '', hash = '', action = 'x:y' WHERE seq IS NULL`,
		`INSERT INTO audit_entries SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid(), 'seq', 10))).* FROM audit_entries e WHERE seq = 9`,
		`DELETE FROM audit_entries WHERE seq IS NULL`, `DELETE FROM audit_entries`, `TRUNCATE audit_entries`, `DROP TABLE audit_entries`,
		`UPDATE audit_checkpoints SET seq = 1`, `DELETE FROM audit_checkpoints`, `TRUNCATE audit_checkpoints`, `DROP TABLE audit_checkpoints`,
		`ALTER TABLE audit_entries DISABLE TRIGGER ALL`, `DROP TRIGGER audit_append_only ON audit_entries`, `SET session_replication_role = replica`,
		`CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`CREATE TRIGGER a BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()`,
		`CREATE RULE a AS ON INSERT TO audit_entries DO INSTEAD NOTHING`, `ALTER TABLE audit_entries RENAME TO a`,
		`ALTER TABLE audit_entries OWNER TO user_management`, `SET ROLE audit_owner`, `GRANT audit_owner TO user_management`, `REASSIGN OWNED BY audit_owner TO user_management`,
		`DROP SCHEMA public CASCADE`, `ALTER SCHEMA public OWNER TO user_management`, `DROP OWNED BY audit_owner`,
		`CREATE TABLE a (id uuid REFERENCES audit_entries)`,
	} {
		_, err := tr.db.Exec(ctx, sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" && !database.Violates(err, "audit_append_only") { // insufficient_privilege
			t.Errorf("%s: %v, want a refusal", sql, err)
		}
	}
	if diff := cmp.Diff(before, tr.export()); diff != "" {
		t.Error(diff)
	}
	var owner string
	err := tr.db.QueryRow(ctx, `SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = current_database() AND NOT rolcanlogin`).Scan(&owner)
	if err != nil || owner != "audit_owner" {
		t.Errorf("the database's owner is %q (%v), who could drop it", owner, err)
	}
}

// The owner cannot change it by mistake either, while the triggers exist.
func TestEntries_ChangedByTheOwner_AreRefused(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	for _, sql := range []string{
		`UPDATE audit_entries SET action = 'x:y'`, `DELETE FROM audit_entries`, `TRUNCATE audit_entries`,
		`UPDATE audit_checkpoints SET seq = 1`, `DELETE FROM audit_checkpoints`, `TRUNCATE audit_checkpoints`,
	} {
		tx := tr.asAttacker(`SET LOCAL session_replication_role = origin`, `SET LOCAL ROLE audit_owner`)
		if _, err := tx.Exec(context.Background(), sql); !database.Violates(err, "audit_append_only") {
			t.Errorf("%s: %v, want a refusal", sql, err)
		}
	}
}

func TestSeal_ChainCutOff_IsRefused(t *testing.T) {
	t.Parallel()
	tr := nine(t)
	if err := tr.asAttacker(`DELETE FROM audit_entries WHERE seq = 9`).Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	tr.record(1)
	if n, err := audit.Seal(context.Background(), tr.db, audit.UsersTrail, tr.issuer); err == nil || n != 0 || !strings.Contains(err.Error(), tr.organization.String()) {
		t.Errorf("sealed %d, %v; want an error that names the organization", n, err)
	}
	tr.organization = uuid.New()
	tr.record(1)
	if n, err := audit.Seal(context.Background(), tr.db, audit.UsersTrail, tr.issuer); err == nil || n != 1 {
		t.Errorf("sealed %d, %v; want the other organization's entry, and the error", n, err)
	}
}

// Indexes serve the filters of GET /v1/audit, however rare the values are.
func TestTrail_Filters_UseIndexes(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	ctx := context.Background()
	_, err := tr.db.Exec(ctx, `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result)
SELECT gen_random_uuid(), $1, now(), 'platform', $1, CASE WHEN n % 5000 = 0 THEN 'rare:act' ELSE 'things:do' END, CASE WHEN n % 5000 = 0 THEN 'refused' ELSE 'done' END
FROM generate_series(1, 20000) n`, tr.organization)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Administrator(database.Users).Exec(ctx, `ANALYZE audit_entries`); err != nil {
		t.Fatal(err)
	}
	for filter, index := range map[string]string{`action = 'rare:act'`: "audit_entries_action", `result = 'refused'`: "audit_entries_refused"} {
		rows, _ := tr.db.Query(ctx, `EXPLAIN SELECT `+audit.Columns+` FROM audit_entries WHERE organization_id = '`+tr.organization.String()+`' AND `+filter+` ORDER BY id DESC LIMIT 51`)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, index) {
			t.Errorf("%s is not served by %s (%v):\n%s", filter, index, err, text)
		}
	}
}

// An operator restarts a broken chain; a verifier reports both the break and the restart.
func TestRestart_BrokenChain_ContinuesAndIsReported(t *testing.T) {
	t.Parallel()
	const restarted = "entry 10: the chain was broken before this entry"
	for name, test := range map[string]struct {
		attack []string
		want   []string
	}{
		"end removed":        {[]string{`DELETE FROM audit_entries WHERE seq = 9`}, []string{"entry 9: entries 9 to 9 are missing before this checkpoint", restarted}},
		"end changed":        {[]string{`UPDATE audit_entries SET hash = sha256(hash) WHERE seq = 9`}, []string{"entry 9: it was changed", "entry 9: this checkpoint does not match", restarted}},
		"checkpoint removed": {[]string{`DELETE FROM audit_checkpoints WHERE seq = 9`}, []string{restarted}},
		"everything removed": {[]string{`DELETE FROM audit_entries`}, []string{"entry 6: entries 4 to 6 are missing", "entry 9: entries 7 to 9 are missing", restarted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr, ctx := nine(t), context.Background()
			restart := func() error {
				return audit.Restart(ctx, tr.db, audit.UsersTrail, tr.organization, tr.issuer, "restored from a backup")
			}
			if err := restart(); !errors.Is(err, audit.ErrIntact) {
				t.Errorf("restart of a whole chain: %v, want ErrIntact", err)
			}
			if err := tr.asAttacker(test.attack...).Commit(ctx); err != nil {
				t.Fatal(err)
			}
			tr.record(2)
			if err := restart(); err != nil {
				t.Fatal(err)
			}
			tr.seal(2)
			report := tr.verify(tr.export())
			expect(t, report, test.want)
			var action, reason string
			err := tr.db.QueryRow(ctx, `SELECT action, detail ->> 'reason' FROM audit_entries WHERE seq = 10`).Scan(&action, &reason)
			if err != nil || action != "audit:restart" || reason != "restored from a backup" || report.Last != 12 {
				t.Errorf("entry 10 is %s (%s, %v) of %d, want the restart of 12", action, reason, err, report.Last)
			}
		})
	}
}

// An action that commits late has an identifier lower than those already sealed.
func TestSeal_LateCommit_IsSealedLate(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	ctx := context.Background()
	err := database.Transact(ctx, tr.db, func(late *database.Tx) error {
		err := audit.Record(ctx, late, audit.Entry{Action: "late:commit", OrganizationID: tr.organization})
		tr.record(2)
		tr.seal(2)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.seal(1)
	tr.seal(0)
	report := tr.verify(tr.export())
	var seq int
	if err := tr.db.QueryRow(ctx, `SELECT seq FROM audit_entries WHERE action = 'late:commit'`).Scan(&seq); err != nil || seq != 3 || report.Last != 3 || len(report.Findings) > 0 {
		t.Errorf("the late entry is number %d (%v), %+v; want 3 of 3", seq, err, report)
	}
}

func TestSeal_ConcurrentSealersAndWriters_LeaveOneChain(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	ctx := context.Background()
	const writers, each = 4, 100
	var writing, sealing sync.WaitGroup
	written := make(chan struct{})
	for range writers {
		writing.Go(func() { tr.record(each) })
	}
	for range 3 {
		sealing.Go(func() {
			for {
				if _, err := audit.Seal(ctx, tr.db, audit.UsersTrail, tr.issuer); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-written:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(written)
	sealing.Wait()
	if _, err := audit.Seal(ctx, tr.db, audit.UsersTrail, tr.issuer); err != nil {
		t.Fatal(err)
	}
	report := tr.verify(tr.export())
	if report.Entries != writers*each || report.Last != writers*each || len(report.Findings) > 0 {
		t.Errorf("%+v, want %d entries without findings", report, writers*each)
	}
}

func TestSeal_MoreThanABatch_SealsEverything(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	const n = 4100
	_, err := tr.db.Exec(context.Background(), `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result)
SELECT gen_random_uuid(), $1, now(), 'platform', $1, 'things:do', 'done' FROM generate_series(1, $2)`, tr.organization, n)
	if err != nil {
		t.Fatal(err)
	}
	tr.seal(n)
	if report := tr.verify(tr.export()); report.Entries != n || report.Checkpoints != 3 || len(report.Findings) > 0 {
		t.Errorf("%+v, want %d entries and 3 checkpoints", report, n)
	}
}
