package duckdb_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/internal/query"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/engine"
	"function/shared/platformtest"
)

const people = `
SELECT i AS id, ['EU', 'US', 'APAC', NULL][1 + i % 4] AS region, 'name ' || (i * 7919 % 997) AS name,
       CASE WHEN i % 11 > 0 THEN ((i * 31 % 10007) / 10)::DECIMAL(9,2) END AS amount, DATE '2026-01-01' + (i % 400)::INT AS day, CASE WHEN i % 4 = 0 THEN i::VARCHAR ELSE 'hidden ' || i END AS code
FROM range(1500) t(i)`

// Written without the code that is tested.
const peopleInEurope = `
SELECT id, region, substr(name, 1, 5) || repeat('*', length(name) - 5) AS name, ((amount::INT - CASE WHEN amount::INT > amount THEN 1 ELSE 0 END) // 50 * 50)::DECIMAL(9,2) AS amount,
       make_date(year(day), month(day), 1) AS day, code
FROM (` + people + `) WHERE region = 'EU'`

// store makes a data set of the rows of a query.
func store(t testing.TB, p *platformtest.Platform, organization uuid.UUID, name, sql string) uuid.UUID {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "t.parquet")
	if err := s.Exec(t.Context(), "COPY ("+sql+") TO '"+path+"' (FORMAT parquet, COMPRESSION zstd)"); err != nil {
		t.Fatal(err)
	}
	row, err := s.Row(t.Context(), "SELECT count(*) FROM '"+path+"'")
	if err != nil {
		t.Fatal(err)
	}
	return analyticstest.Store(t, p, organization, name, path, row[0].(int64))
}

var masked = regexp.MustCompile(`'name \*+'`)

// protect sets a policy of a data set.
func protect(t testing.TB, p *platformtest.Platform, dataset uuid.UUID, name string, rules access.Rules) {
	t.Helper()
	const insert = `INSERT INTO dataset_policies (dataset_id, name, policy, changed_by) VALUES ($1, $2, $3, $1)`
	if _, err := p.DB(database.Datasets).Exec(t.Context(), insert, dataset, name, rules); err != nil {
		t.Fatal(err)
	}
}

// reader is a member of an organization with a role.
func reader(organization uuid.UUID, role string) access.Reader {
	return access.Of(auth.Caller{UserID: uuid.New(), OrganizationID: organization, Roles: []string{role}})
}

// generated returns a query over a table, often a wrong one.
func generated(r *rand.Rand, table string) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	column := func() string { return pick("id", "region", "name", "amount", "day", "code") }
	value := func() string {
		return pick("'EU'", "'US'", "100", "3", "'name 12'", "DATE '2026-03-04'", "NULL", "'hidden 5'", "7.5")
	}
	expression := func() string {
		return pick(column(), column(), "CAST("+column()+" AS VARCHAR)", "TRY_CAST("+column()+" AS INT)", "CAST("+column()+" AS INT)", "1 // (id - "+fmt.Sprint(r.IntN(20))+")",
			"upper(name)", "coalesce(region, 'none')", "amount * 2", "year(day)", "length(code)", "code::INT", "name::INT")
	}
	condition := func() string {
		return pick("true", expression()+" = "+value(), expression()+" < "+value(), column()+" IS NULL", "id % "+fmt.Sprint(1+r.IntN(9))+" = 0",
			"id IN (SELECT id FROM "+table+" WHERE "+column()+" = "+value()+")", "code::INT > 10", "region <> 'EU'")
	}
	aggregate := func() string {
		return pick("count(*)", "sum(amount)", "min("+column()+")", "max("+column()+")", "count(DISTINCT "+column()+")", "avg(id)", "string_agg(code, ',' ORDER BY id)", "median(amount)")
	}
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("SELECT %s, %s FROM %s WHERE %s ORDER BY ALL LIMIT %d", expression(), expression(), table, condition(), 1+r.IntN(50))
	case 1:
		return fmt.Sprintf("SELECT %s FROM %s WHERE %s", aggregate(), table, condition())
	case 2:
		return fmt.Sprintf("SELECT %s AS k, %s, %s FROM %s WHERE %s GROUP BY k ORDER BY ALL LIMIT 50", expression(), aggregate(), aggregate(), table, condition())
	case 3:
		return fmt.Sprintf("SELECT a.id, %s FROM %s a JOIN %s b USING (id, region, name, amount, day, code) WHERE %s ORDER BY ALL LIMIT 20", expression(), table, table, condition())
	}
	return fmt.Sprintf("SELECT id, row_number() OVER (PARTITION BY %s ORDER BY id) AS n, %s FROM %s QUALIFY n <= 3 ORDER BY ALL LIMIT 30", column(), expression(), table)
}

// POLICY_QUERIES is the number of queries.
func TestBackend_GeneratedQueriesUnderPolicies_AnswerAsOnAFilteredCopy(t *testing.T) {
	t.Parallel()
	count := 200
	if text := os.Getenv("POLICY_QUERIES"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	p, b := open(t)
	organization := uuid.New()
	limited := store(t, p, organization, "people", people)
	store(t, p, organization, "copied", peopleInEurope)
	step := "50"
	protect(t, p, limited, "europe", access.Rules{Filter: "region = 'EU'", Exempt: access.Exemption{Roles: []string{"admin"}}})
	protect(t, p, limited, "masks", access.Rules{Exempt: access.Exemption{Roles: []string{"admin"}}, Masks: []access.Mask{
		{Column: "name", With: access.Partial, KeepFirst: 5}, {Column: "Amount", With: access.Generalize, Step: &step}, {Column: "day", With: access.Generalize, Period: "month"},
	}})
	member, admin := reader(organization, "member"), reader(organization, "admin")
	answer := func(r access.Reader, sql string) string {
		set, err := b.Run(t.Context(), r, query.Query{SQL: sql}, query.Limits{})
		if err != nil {
			return masked.ReplaceAllString(err.Error(), "a name") // of whichever row failed first
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	if got := answer(admin, "SELECT count(*) AS n FROM people"); !strings.Contains(got, "[[1500]]") {
		t.Fatalf("an exempt reader gets %s", got)
	}
	var refused int
	var mu sync.Mutex
	var running sync.WaitGroup
	queries := make(chan uint64)
	for range 2 {
		running.Go(func() {
			for seed := range queries {
				sql := generated(rand.New(rand.NewPCG(seed, 1)), "people")
				got, want := answer(member, sql), answer(admin, strings.ReplaceAll(sql, "people", "copied"))
				if got != strings.ReplaceAll(want, "copied", "people") {
					t.Errorf("query %d, %s:\n got %.300s\nwant %.300s", seed, sql, got, want)
				}
				mu.Lock()
				if !strings.HasPrefix(got, "{") {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	for seed := range uint64(count) {
		queries <- seed
	}
	close(queries)
	running.Wait()
	if refused < count/20 || refused > count*7/10 {
		t.Errorf("%d of %d queries were refused, so the test shows little", refused, count)
	}
}

func TestBackend_Policies_AreThoseOfTheRequest(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	id := store(t, p, organization, "people", people)
	count := func(r access.Reader) string {
		t.Helper()
		set, err := b.Run(t.Context(), r, query.Query{SQL: "SELECT count(*), count(region) FROM people"}, query.Limits{})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(set.Rows)
	}
	member := reader(organization, "member")
	if got := count(member); got != "[[1500 1125]]" {
		t.Errorf("without a policy: %s", got)
	}
	protect(t, p, id, "own", access.Rules{Filter: "id % 2 = 0 AND (region IS NULL OR list_contains(caller.roles, 'analyst'))"})
	if got := count(member); got != "[[0 0]]" {
		t.Errorf("with a policy: %s", got)
	}
	if got := count(reader(organization, "analyst")); got != "[[750 750]]" {
		t.Errorf("an analyst: %s", got)
	}
	protect(t, p, id, "broken", access.Rules{Filter: "salary > 1"})
	if got := count(member); !strings.Contains(got, "cannot be applied") || strings.Contains(got, "salary") {
		t.Errorf("with a policy that cannot be applied: %s", got)
	}
}

func TestBackend_RestrictedAndShared_AreSeenByThoseWhoMay(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	owner, other := uuid.New(), uuid.New()
	id := store(t, p, owner, "people", people)
	store(t, p, other, "People", "SELECT 1 AS n")
	sees := func(r access.Reader, table string) bool {
		set, err := b.Run(t.Context(), r, query.Query{SQL: `SELECT count(*) FROM "` + table + `"`}, query.Limits{})
		return err == nil && fmt.Sprint(set.Rows) == "[[1500]]"
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE datasets SET restricted = true WHERE id = $1`, id)
	member, governor := reader(owner, "member"), reader(owner, "owner")
	governor.Governs = true
	foreign := reader(other, "member")
	if sees(member, "people") || !sees(governor, "people") || sees(foreign, id.String()) || sees(access.Everyone(owner), "people") {
		t.Error("a restricted data set is visible to others, or not to those who govern")
	}
	const share = `INSERT INTO dataset_shares (id, dataset_id, grantee_kind, grantee_id, purpose, expires_at, granted_by) VALUES ($1, $2, $3, $4, 'test', $5, $1)`
	exec(share, uuid.New(), id, "user", *member.User, nil)
	exec(share, uuid.New(), id, "organization", other, time.Now().Add(time.Hour))
	if !sees(member, "people") || !sees(foreign, id.String()) || sees(foreign, "people") {
		t.Error("a share does not let its grantee read")
	}
	exec(`UPDATE dataset_shares SET expires_at = now() WHERE dataset_id = $1`, id)
	if sees(member, "people") || sees(foreign, id.String()) {
		t.Error("an expired share lets its grantee read")
	}
}
