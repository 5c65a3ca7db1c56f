package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/login"
	"function/functions/users/register"
	"function/functions/users/unlock"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/platformtest"
	"function/shared/problem"
	"function/shared/secret"
)

// mountLogin mounts logins behind a proxy, so that tests can choose the client's address.
func mountLogin(t *testing.T) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, func(c *function.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	},
		register.Service,
		login.Service,
		unlock.Service,
	)
}

const home, elsewhere = "192.0.2.1", "198.51.100.7"

func try(p *platformtest.Platform, from, email, password string) platformtest.Answer {
	return p.Do("", http.MethodPost, "/v1/users/login", map[string]string{"email": email, "password": password}, "X-Forwarded-For", from)
}

// failTimes produces a number of consecutive failures of an account, few of them from one
// source: the last one by a login, the others in the database.
func failTimes(t *testing.T, p *platformtest.Platform, from, email string, times int) {
	t.Helper()
	try(p, from, email, "wrong horse").Want(t, http.StatusUnauthorized)
	userstest.Exec(t, p, `UPDATE login_failures SET failures = CASE WHEN source IS NULL THEN $1 ELSE least($1, 9) END WHERE failures = 1`, times-1)
	later(t, p, "15 minutes")
	try(p, from, email, "wrong horse").Want(t, http.StatusUnauthorized)
}

// later makes the failures older.
func later(t *testing.T, p *platformtest.Platform, by string) {
	t.Helper()
	userstest.Exec(t, p, `UPDATE login_failures SET last_failed_at = last_failed_at - $1::interval`, by)
	userstest.Exec(t, p, `UPDATE rate_limits SET tat = tat - $1::interval WHERE $1::interval > '0'`, by)
}

// tried returns the number of passwords that were checked in concurrent attempts.
func tried(answers map[int]int) int { return answers[http.StatusUnauthorized] + answers[http.StatusOK] }

// allowance is the number of concurrent attempts that are checked (operations.md, "Logins under
// attack"). One more is allowed for every two seconds that they take.
const allowance = 30

func TestGuessesAtOnceAreNotMoreThanTheAllowance(t *testing.T) {
	t.Parallel()
	for _, email := range []string{"ada@example.com", "eve@example.com"} {
		p := mountLogin(t)
		userstest.Registered(t, p, "ada@example.com", "")
		began := time.Now()
		n := tried(userstest.Concurrently(90, func(int) platformtest.Answer { return try(p, home, email, "wrong horse") }))
		if most := allowance + int(time.Since(began)/(2*time.Second)) + 1; n > most {
			t.Errorf("%s: %d of 90 guesses at once were looked at, want at most %d", email, n, most)
		}
		for range 2 { // after the delay, one of several concurrent attempts is allowed
			later(t, p, "15 minutes")
			userstest.Equal(t, "guesses looked at after the delay", 1, tried(userstest.Concurrently(20, func(int) platformtest.Answer { return try(p, home, email, "wrong horse") })))
		}
	}
}

func TestGuessesAtOnceFromManySourcesAreNotMoreThanTheAllowance(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	began := time.Now()
	n := tried(userstest.Concurrently(90, func(i int) platformtest.Answer {
		return try(p, fmt.Sprintf("203.0.113.%d", i), "ada@example.com", "wrong horse")
	}))
	if most := allowance + int(time.Since(began)/(2*time.Second)) + 1; n > most {
		t.Errorf("%d of 90 guesses at once were looked at, want at most %d", n, most)
	}
	later(t, p, "15 minutes")
	userstest.Equal(t, "guesses looked at after the delay", 1, tried(userstest.Concurrently(20, func(i int) platformtest.Answer {
		return try(p, fmt.Sprintf("203.0.113.%d", 100+i), "ada@example.com", "wrong horse")
	})))
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestProgramsLogInToOneAccountAtOnce(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Equal(t, "answers", map[int]int{http.StatusOK: 25}, userstest.Concurrently(25, func(int) platformtest.Answer { return try(p, home, "ada@example.com", "correct horse") }))
}

func TestOneSourceAloneDelaysNobodyElsewhere(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	for range 40 {
		try(p, elsewhere, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
		later(t, p, "15 minutes")
	}
	later(t, p, "-15 minutes")
	try(p, elsewhere, "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestGuessingWaitsLongerAndLongerWhetherOrNotTheAccountExists(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, email string) (seen []string) {
		p := mountLogin(t)
		userstest.Registered(t, p, "ada@example.com", "")
		note := func(a platformtest.Answer) {
			detail := platformtest.Decode[problem.Problem](t, a).Detail
			seen = append(seen, http.StatusText(a.Status)+" "+a.Header.Get("Retry-After")+" "+detail)
		}
		for range 6 {
			note(try(p, home, email, "wrong horse").Want(t, http.StatusUnauthorized))
		}
		for _, password := range []string{"wrong horse", "correct horse"} {
			userstest.Exec(t, p, `UPDATE login_failures SET last_failed_at = now()`)
			note(try(p, home, email, password).Want(t, http.StatusTooManyRequests))
		}
		for _, failures := range []int{7, 8, 20, 1_000_000} {
			userstest.Exec(t, p, `UPDATE login_failures SET failures = $1 WHERE failures = (SELECT max(failures) FROM login_failures)`, failures-1)
			later(t, p, "15 minutes")
			note(try(p, home, email, "wrong horse").Want(t, http.StatusUnauthorized))
			userstest.Exec(t, p, `UPDATE login_failures SET last_failed_at = now()`)
			note(try(p, home, email, "wrong horse").Want(t, http.StatusTooManyRequests))
		}
		return seen
	}
	existing, missing := run(t, "ada@example.com"), run(t, "eve@example.com")
	if diff := cmp.Diff(existing, missing); diff != "" {
		t.Errorf("an account that exists is answered otherwise: %s", diff)
	}
	var waits []string
	for _, s := range existing {
		if after := regexp.MustCompile(`Too Many Requests (\d+)`).FindStringSubmatch(s); after != nil {
			waits = append(waits, after[1])
		}
	}
	if diff := cmp.Diff([]string{"1", "1", "2", "4", "900", "900"}, waits); diff != "" {
		t.Errorf("seconds to wait: %s", diff)
	}
}

func TestRightPasswordForgivesTheAccountAndThePair(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	for range 5 {
		try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	}
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	if n := userstest.QueryOne[int](t, p, `SELECT count(*) FROM login_failures`); n != 0 {
		t.Errorf("%d counters are left", n)
	}
	try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
}

func TestLogin_FailuresElsewhere_DoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)

	try(p, "2001:db8::1", "ada@example.com", "correct horse").Want(t, http.StatusOK)
	userstest.Exec(t, p, `DELETE FROM sessions`) // as retention does

	failTimes(t, p, elsewhere, "ada@example.com", 100)
	for _, from := range []string{elsewhere, "203.0.113.9", "2001:db8:0:1::1"} {
		try(p, from, "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)
	}
	try(p, "2001:db8::2", "ada@example.com", "correct horse").Want(t, http.StatusOK) // the same /64
	failTimes(t, p, "198.51.100.8", "ada@example.com", 100)
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	try(p, "203.0.113.9", "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestNewestSourcesAreKnownUntilTheAddressChanges(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	for i := range 23 {
		try(p, fmt.Sprintf("192.0.2.%d", i), "ada@example.com", "correct horse").Want(t, http.StatusOK)
		userstest.Exec(t, p, `UPDATE known_sources SET last_seen_at = last_seen_at - interval '1 hour'`)
	}
	userstest.Equal(t, "sources known", 20, userstest.QueryOne[int](t, p, `SELECT count(*) FROM known_sources WHERE user_id = $1`, ada.ID))
	failTimes(t, p, elsewhere, "ada@example.com", 100)
	try(p, "192.0.2.0", "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)
	try(p, "192.0.2.3", "ada@example.com", "correct horse").Want(t, http.StatusOK)
	userstest.Exec(t, p, `UPDATE users SET email_index = '\x01'`)
	userstest.Equal(t, "sources known to another address", 0, userstest.QueryOne[int](t, p, `SELECT count(*) FROM known_sources`))
}

// colleagues fail once each at the same address.
func colleagues(t *testing.T, p *platformtest.Platform, from string, n int) {
	t.Helper()
	for i := range n {
		try(p, from, fmt.Sprintf("colleague-%d@example.com", i), "wrong horse").Want(t, http.StatusUnauthorized)
	}
}

func TestAddressThatFailsAtManyAccountsWaits(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	for _, email := range []string{"ada@example.com", "eve@example.com", "colleague-7@example.com"} {
		userstest.Registered(t, p, email, "")
	}
	try(p, "2001:db8::1", "eve@example.com", "correct horse").Want(t, http.StatusOK)
	colleagues(t, p, "2001:db8::1", 51)
	later(t, p, "-1 hour")
	const same = "2001:db8::2" // the same /64
	try(p, same, "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)
	try(p, "2001:db8:0:1::1", "ada@example.com", "correct horse").Want(t, http.StatusOK)
	try(p, same, "eve@example.com", "correct horse").Want(t, http.StatusOK) // has logged in from there before
	userstest.Equal(t, "addresses blocked", 1, userstest.QueryOne[int](t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_lockouts_total' AND labels = '{"scope": "address"}'`))

	later(t, p, "65 minutes")
	try(p, same, "colleague-7@example.com", "correct horse").Want(t, http.StatusOK) // takes back the failures that it added
	later(t, p, "-1 hour")
	try(p, same, "ada@example.com", "correct horse").Want(t, http.StatusOK)

	colleagues(t, p, elsewhere, 51)
	later(t, p, "6 hours")
	try(p, elsewhere, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestFailureAfterADayWithoutIsTheFirst(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	failTimes(t, p, home, "eve@example.com", 100)
	later(t, p, "24 hours")
	try(p, home, "eve@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	userstest.Equal(t, "failures", 1, userstest.QueryOne[int](t, p, `SELECT max(failures) FROM login_failures`))
}

func TestFailuresAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	const atOnce = 12
	answers := make([]platformtest.Answer, atOnce)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = try(p, home, "ada@example.com", "wrong horse") })
	}
	wg.Wait()
	failed := 0
	for _, a := range answers {
		if a.Status == http.StatusUnauthorized {
			failed++
		} else {
			a.Want(t, http.StatusTooManyRequests)
		}
	}
	if n := userstest.QueryOne[int](t, p, `SELECT max(failures) FROM login_failures`); n != failed {
		t.Errorf("%d failures are counted of %d", n, failed)
	}
	later(t, p, "-1 hour")
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)
}

func TestFailureCountsThoughTheClientHasGone(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	store, err := store.Open(context.Background(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	attempt := session.NewGuard(store, p.Env).NewAttempt(gone, person.EmailIndex(store.Keeper, "eve@example.com"))
	if err := attempt.Failed(gone, notify.Mailer{}, uuid.Nil); err != session.ErrWrongCredentials {
		t.Errorf("Failed: %v", err)
	}
	if n := userstest.QueryOne[int](t, p, `SELECT max(failures) FROM login_failures`); n != 1 {
		t.Errorf("%d failures are counted", n)
	}
}

// mails returns the queued mails, decrypted.
func mails(t *testing.T, p *platformtest.Platform) (found []mail.Message) {
	t.Helper()
	keeper, err := p.Env.Keeper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := p.DB(database.Users).Query(context.Background(), `SELECT wrapped_key, message FROM mails ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var wrapped, sealed []byte
		if err := rows.Scan(&wrapped, &sealed); err != nil {
			t.Fatal(err)
		}
		key, err := keeper.Unwrap(context.Background(), wrapped)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := secret.Unseal(key, "mails.message", sealed)
		if err != nil {
			t.Fatal(err)
		}
		var m mail.Message
		if err := json.Unmarshal([]byte(plain), &m); err != nil {
			t.Fatal(err)
		}
		found = append(found, m)
	}
	return found
}

func TestOwnerUnlocksByMailOnce(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `DELETE FROM mails`)
	failTimes(t, p, elsewhere, "eve@example.com", 121)
	failTimes(t, p, "203.0.113.9", "ada@example.com", 121)
	later(t, p, "15 minutes")
	try(p, "203.0.113.10", "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)

	sent := mails(t, p)
	if len(sent) != 1 || sent[0].To != "ada@example.com" || strings.Contains(sent[0].Text, "Ada") {
		t.Fatalf("mails %+v, want one to her, without her name", sent)
	}
	platformtest.Published[events.MailQueued](p, 1)
	_, token, _ := strings.Cut(strings.Fields(sent[0].Text[strings.Index(sent[0].Text, "https://"):])[0], "https://platform.example/unlock#token=")
	if n := userstest.QueryOne[int](t, p, `SELECT count(*) FROM mailed_tokens WHERE encode(hash, 'escape') LIKE '%' || $1 || '%'`, token); n != 0 {
		t.Error("the token is stored as it is")
	}
	try(p, "203.0.113.200", "ada@example.com", "correct horse").Want(t, http.StatusTooManyRequests)

	redeem := func(token string) platformtest.Answer {
		return p.Do("", http.MethodPost, "/v1/users/unlock", map[string]string{"token": token})
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 43), token[:42]} {
		redeem(bad).Want(t, http.StatusUnprocessableEntity)
	}
	answers := make([]platformtest.Answer, 4)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = redeem(token) })
	}
	wg.Wait()
	good := 0
	for _, a := range answers {
		if a.Status == http.StatusNoContent {
			good++
		} else {
			a.Want(t, http.StatusUnprocessableEntity)
		}
	}
	if good != 1 {
		t.Errorf("%d of 4 uses of one token succeeded", good)
	}
	userstest.Equal(t, "refused uses in the audit trail", 7, userstest.QueryOne[int](t, p, `SELECT count(*) FROM audit_entries WHERE action = 'accounts:unlock' AND result = 'refused'`))
	try(p, "203.0.113.200", "ada@example.com", "correct horse").Want(t, http.StatusOK)
	if n := userstest.QueryOne[int](t, p, `SELECT count(*) FROM audit_entries WHERE action = 'accounts:unlock' AND result = 'done'`); n != 1 {
		t.Errorf("%d unlocks are in the audit trail", n)
	}
}

func TestUnlockMakesWhereItComesFromKnown(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `DELETE FROM mails`)
	failTimes(t, p, elsewhere, "ada@example.com", 121)
	token := regexp.MustCompile(`[A-Za-z0-9_-]{43}`).FindString(mails(t, p)[0].Text)
	colleagues(t, p, home, 51)
	p.Do("", http.MethodPost, "/v1/users/unlock", map[string]string{"token": token}, "X-Forwarded-For", home).Want(t, http.StatusNoContent)
	failTimes(t, p, elsewhere, "ada@example.com", 121)
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestExpiredUnlockTokenIsNoGood(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `DELETE FROM mails`)
	failTimes(t, p, elsewhere, "ada@example.com", 121)
	userstest.Exec(t, p, `UPDATE mailed_tokens SET expires_at = now()`)
	token := regexp.MustCompile(`[A-Za-z0-9_-]{43}`).FindString(mails(t, p)[0].Text)
	p.Do("", http.MethodPost, "/v1/users/unlock", map[string]string{"token": token}).Want(t, http.StatusUnprocessableEntity)
}

func TestLoginsAreAuditedAndCountedAndBlocksOncePerBlock(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	for range 6 {
		try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	}
	later(t, p, "-1 hour")
	for range 3 {
		try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusTooManyRequests)
	}
	try(p, home, "eve@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	try(p, elsewhere, "ada@example.com", "correct horse").Want(t, http.StatusOK)

	type entry struct {
		Kind, Resource, Result, Reason, Blocked string
		Count                                   int
	}
	rows, err := p.DB(database.Users).Query(context.Background(), `
SELECT actor_kind, resource_id, result, CASE WHEN reason LIKE 'Too many failed or simultaneous logins%' THEN 'locked' ELSE reason END, coalesce(detail ->> 'blocked_seconds', ''), count(*) FROM audit_entries WHERE action = 'sessions:begin'
GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*) DESC, 1, 2 DESC`)
	if err != nil {
		t.Fatal(err)
	}
	var got []entry
	for rows.Next() {
		var e entry
		if err := rows.Scan(&e.Kind, &e.Resource, &e.Result, &e.Reason, &e.Blocked, &e.Count); err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	want := []entry{
		{"nobody", ada.ID.String(), "refused", "wrong password", "", 5},
		{"nobody", ada.ID.String(), "refused", "locked", "", 3},
		{"nobody", ada.ID.String(), "refused", "wrong password", `{"pair": 1}`, 1},
		{"nobody", "", "refused", "wrong password", "", 1},
		{"person", ada.ID.String(), "done", "", "", 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if dump := userstest.QueryOne[string](t, p, `SELECT string_agg(e::text, ' ') FROM audit_entries e`); strings.Contains(dump, "example.com") || strings.Contains(dump, home) {
		t.Error("the audit trail holds an address")
	}
	for series, want := range map[string]float64{
		`user_logins_total {"result": "failure"}`: 7, `user_logins_total {"result": "locked"}`: 3, `user_logins_total {"result": "success"}`: 1,
		`user_lockouts_total {"scope": "pair"}`: 1,
	} {
		name, labels, _ := strings.Cut(series, " ")
		// Attempts that are refused without a check are counted a moment later, even if nobody
		// logs in again.
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			got := userstest.QueryOne[float64](t, p, `SELECT coalesce(sum(value), 0) FROM metric_counters WHERE name = $1 AND labels = $2`, name, labels)
			if got == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is %v, want %v", series, got, want)
			}
		}
	}
}

func TestLoginHashesThePasswordAnewWhenParametersChange(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	old, err := password.NewHasher(password.Parameters{Memory: 7 * 1024, Iterations: 5, Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := old.Hash(context.Background(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	userstest.Exec(t, p, `UPDATE users SET password_hash = $1`, hash)
	stored := func() string {
		return userstest.QueryOne[string](t, p, `SELECT password_hash FROM users WHERE id = $1`, ada.ID)
	}

	try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	if stored() != hash {
		t.Error("a wrong password replaced the hash")
	}
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	if got := stored(); !strings.HasPrefix(got, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the stored hash is still %s", got)
	}
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestMissingAccountTakesAsLongAsAnOldHash(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	old, err := password.NewHasher(password.Parameters{Memory: 64 * 1024, Iterations: 16, Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := old.Hash(context.Background(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	userstest.Exec(t, p, `UPDATE users SET password_hash = $1, email_index = '\xffff'`, hash) // this index comes after all others
	began := time.Now()
	if _, err := old.Verify(context.Background(), "wrong horse", hash); err != nil {
		t.Fatal(err)
	}
	want := time.Since(began)
	began = time.Now()
	try(p, home, "eve@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	if took := time.Since(began); took < want/4 { // hashing with the current parameters takes far less
		t.Errorf("a missing account is refused after %v; hashes as they are stored take %v", took, want)
	}
}

func TestLoginLosesToAChangeOfThePassword(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	store, err := store.Open(context.Background(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	attempt := session.NewGuard(store, p.Env).NewAttempt(context.Background(), person.EmailIndex(store.Keeper, "ada@example.com"))
	attempt.SetUser(ada.ID)
	for _, rehashed := range []string{"", "a newer hash"} {
		prove := func(b *pgx.Batch) { attempt.Succeeded(b, "the hash that was verified", rehashed) }
		err := store.DB.TransactFrom(context.Background(), prove, func(*outbox.Tx) error {
			t.Error("the login went on")
			return nil
		})
		if err != session.ErrWrongCredentials {
			t.Errorf("Prove by a hash that was replaced: %v", err)
		}
	}
}

func TestAccountsWithoutAPasswordAndSuspendedOnes(t *testing.T) {
	t.Parallel()
	p := mountLogin(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `UPDATE users SET suspended_at = now()`)
	try(p, home, "ada@example.com", "wrong horse").Want(t, http.StatusUnauthorized)
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusForbidden)
	userstest.Equal(t, "failures", 2, userstest.QueryOne[int](t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_logins_total' AND labels = '{"result": "failure"}'`))
	userstest.Exec(t, p, `UPDATE users SET suspended_at = NULL, password_hash = NULL`)
	try(p, home, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	try(p, home, "ada@example.com", "").Want(t, http.StatusUnauthorized)
}
