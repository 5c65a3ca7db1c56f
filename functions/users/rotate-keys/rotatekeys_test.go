package rotatekeys_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/jwks"
	rotatekeys "function/functions/users/rotate-keys"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "users-rotate-keys"

func mount(t *testing.T) *platformtest.Platform {
	return platformtest.NewWith(t, func(c *function.Config) { c.SigningKeyDays = 30 },
		rotatekeys.Service, jwks.Service)
}

func exec(t *testing.T, p *platformtest.Platform, statement string) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// published returns the identifiers of the published keys, newest first.
func published(t *testing.T, p *platformtest.Platform) (kids []string) {
	t.Helper()
	set := platformtest.Decode[jose.JSONWebKeySet](t, p.Do("", http.MethodGet, "/.well-known/jwks.json", nil).Want(t, http.StatusOK))
	for _, key := range set.Keys {
		if key.Algorithm != "EdDSA" || key.Use != "sig" || !key.IsPublic() {
			t.Errorf("key %s is for %s %s", key.KeyID, key.Use, key.Algorithm)
		}
		kids = append(kids, key.KeyID)
	}
	return kids
}

// issue signs a token in the way of a process that starts now, and returns the key's identifier.
func issue(t *testing.T, p *platformtest.Platform, c auth.Caller) (token, kid string) {
	t.Helper()
	keeper, err := p.Env.Keeper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	token, err = auth.NewIssuer(p.DB(database.Users), keeper, "test", "test").Issue(context.Background(), c, "pwd")
	if err != nil {
		t.Fatal(err)
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	return token, jws.Signatures[0].Protected.KeyID
}

// pass makes the keys older.
func pass(t *testing.T, p *platformtest.Platform, interval string) {
	t.Helper()
	exec(t, p, `UPDATE signing_keys SET created_at = created_at - interval '`+interval+`', signs_from = signs_from - interval '`+interval+`', retired_at = retired_at - interval '`+interval+`'`)
}

func TestSigningKey_Rotated_IsPublishedSignsVerifiesAndExpires(t *testing.T) {
	t.Parallel()
	p := mount(t)
	person := p.Login("owner")
	old := published(t, p)
	p.Wake(name).Want(t, http.StatusNoContent)
	if got := published(t, p); !slices.Equal(got, old) {
		t.Fatalf("keys %v after a rotation that was not due, want %v", got, old)
	}

	pass(t, p, "31 days")
	p.Wake(name).Want(t, http.StatusNoContent)
	both := published(t, p)
	if len(both) != 2 || both[1] != old[0] {
		t.Fatalf("keys %v, want a new one and %s", both, old[0])
	}
	before, kid := issue(t, p, person.Caller)
	if kid != old[0] {
		t.Error("the new key signs before anybody can know of it")
	}

	pass(t, p, "61 minutes")
	after, kid := issue(t, p, person.Caller)
	if kid != both[0] {
		t.Error("the new key does not sign when its time has come")
	}
	verifier, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{person.Token, before, after} {
		if _, err := verifier.Verify(context.Background(), token); err != nil {
			t.Errorf("in the overlap: %v", err)
		}
	}

	pass(t, p, "30 minutes")
	if got := published(t, p); !slices.Equal(got, both[:1]) {
		t.Errorf("keys %v after the last old token has expired, want %v", got, both[:1])
	}
	fresh, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Verify(context.Background(), before); err == nil {
		t.Error("a retired key still verifies")
	}
	pass(t, p, "8 days")
	p.Wake(name).Want(t, http.StatusNoContent)
	var left int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM signing_keys`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d keys kept (%v), want 1", left, err)
	}
}

func TestRotateKeys_Concurrent_CreateOneKey(t *testing.T) {
	t.Parallel()
	p := mount(t)
	p.Login("owner")
	pass(t, p, "31 days")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { p.Wake(name).Want(t, http.StatusNoContent) })
	}
	wg.Wait()
	if got := published(t, p); len(got) != 2 {
		t.Errorf("keys %v, want the old one and one new", got)
	}
	var entries int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'signing_keys:rotate'`).Scan(&entries); err != nil || entries != 1 {
		t.Errorf("%d audit entries (%v), want 1", entries, err)
	}
}

func TestVerifier_Running_LearnsTheNewKey(t *testing.T) {
	t.Parallel()
	p := mount(t)
	person := p.Login("owner")
	verifier, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(context.Background(), person.Token); err != nil {
		t.Fatal(err)
	}
	pass(t, p, "31 days")
	p.Wake(name).Want(t, http.StatusNoContent)
	pass(t, p, "61 minutes")
	token, _ := issue(t, p, person.Caller)
	for range 1000 { // unknown keys are asked about once a second
		if _, err = verifier.Verify(context.Background(), token); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the verifier does not take the new key up: %v", err)
}

func TestSigningKeys_Seeds_AreSealed(t *testing.T) {
	t.Parallel()
	p := mount(t)
	p.Login("owner")
	pass(t, p, "31 days")
	p.Wake(name).Want(t, http.StatusNoContent)
	keeper, err := p.Env.Keeper(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := p.DB(database.Users).Query(context.Background(), `SELECT sealed_seed FROM signing_keys`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		seed, err := keeper.Unwrap(context.Background(), sealed)
		if err != nil || len(seed) != 32 || slices.Equal(sealed, seed) {
			t.Errorf("a seed is stored as it is (%v)", err)
		}
	}
}

func TestRotateKeys_NoInterval_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	p.Env.Config.SigningKeyDays = 0
	if _, err := rotatekeys.New(context.Background(), p.Env); err == nil {
		t.Error("SIGNING_KEY_DAYS=0 is taken")
	}
}

func TestReplaceSigningKeys_LeakedKey_IsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	p := mount(t)
	person := p.Login("owner")
	pass(t, p, "31 days")
	p.Wake(name).Want(t, http.StatusNoContent) // there is a next key already, which may have leaked too
	leaked := published(t, p)
	store, err := store.Open(context.Background(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	kid, err := session.ReplaceSigningKeys(context.Background(), store, session.NewIssuer(store, p.Env))
	if err != nil {
		t.Fatal(err)
	}
	if got := published(t, p); len(leaked) != 2 || !slices.Equal(got, []string{kid}) {
		t.Errorf("keys %v in place of %v, want %s alone", got, leaked, kid)
	}
	token, by := issue(t, p, person.Caller)
	if by != kid {
		t.Errorf("%s signs, want %s", by, kid)
	}
	verifier, err := p.Env.Verifier(context.Background()) // of a process that starts now
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(context.Background(), person.Token); err == nil {
		t.Error("a token that the leaked key has signed is still good")
	}
	if _, err := verifier.Verify(context.Background(), token); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
	var entries int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'signing_keys:replace'`).Scan(&entries); err != nil || entries != 1 {
		t.Errorf("%d audit entries (%v), want 1", entries, err)
	}
}
