package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// bench is a platform's verifier, a logged-in person, and the signing key.
type bench struct {
	*platformtest.Platform
	verifier *auth.Verifier
	caller   platformtest.Caller
	kid      string
	private  ed25519.PrivateKey
}

func open(t testing.TB) *bench {
	t.Helper()
	ctx := context.Background()
	b := &bench{Platform: platformtest.New(t)}
	b.caller = b.Login("owner")
	b.verifier = b.another(t)
	var sealed []byte
	if err := b.DB(database.Users).QueryRow(ctx, `SELECT kid, sealed_seed FROM signing_keys`).Scan(&b.kid, &sealed); err != nil {
		t.Fatal(err)
	}
	keeper, err := b.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := keeper.Unwrap(ctx, sealed)
	if err != nil {
		t.Fatal(err)
	}
	b.private = ed25519.NewKeyFromSeed(seed)
	return b
}

// another returns the verifier of another process.
func (b *bench) another(t testing.TB) *auth.Verifier {
	t.Helper()
	v, err := b.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bench) public() ed25519.PublicKey { return b.private.Public().(ed25519.PublicKey) }

// claims returns the claims of a valid token with changes.
func (b *bench) claims(change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": "test", "aud": "test", "sub": b.caller.UserID, "sid": b.caller.SessionID, "org": b.caller.OrganizationID,
		"roles": []string{"owner"}, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// sign returns a token with any header and payload, and an EdDSA signature of the real key.
func (b *bench) sign(header map[string]any, payload any) string {
	return seal(header, payload, func(input []byte) []byte { return ed25519.Sign(b.private, input) })
}

func (b *bench) header(change map[string]any) map[string]any {
	header := map[string]any{"alg": "EdDSA", "typ": auth.TokenType, "kid": b.kid}
	for name, value := range change {
		header[name] = value
		if value == nil {
			delete(header, name)
		}
	}
	return header
}

func seal(header map[string]any, payload any, signature func([]byte) []byte) string {
	h, _ := json.Marshal(header)
	p, isRaw := payload.([]byte)
	if !isRaw {
		p, _ = json.Marshal(payload)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64(h) + "." + b64(p)
	return input + "." + b64(signature([]byte(input)))
}

func hmacSigned(t *testing.T, secret []byte, kid string, payload any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType(auth.TokenType).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: secret}, options)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(encoded)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestVerify_ValidToken_ReturnsItsHolder(t *testing.T) {
	t.Parallel()
	b := open(t)
	for name, token := range map[string]string{
		"issued":           b.caller.Token,
		"signed by itself": b.sign(b.header(nil), b.claims(nil)),
		"typ in capitals":  b.sign(b.header(map[string]any{"typ": "AT+JWT"}), b.claims(nil)),
	} {
		got, err := b.verifier.Verify(context.Background(), token)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(got.Subject.Roles, []string{policy.Owner}) || time.Since(got.Subject.ProvedAt) > time.Hour {
			t.Errorf("%s: subject %+v", name, got.Subject)
		}
		got.Subject = policy.Subject{}
		if diff := cmp.Diff(b.caller.Caller, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	nobody, err := b.verifier.Verify(context.Background(), b.sign(b.header(nil), b.claims(map[string]any{"org": nil, "roles": nil})))
	if err != nil || nobody.OrganizationID != uuid.Nil || len(nobody.Roles)+len(nobody.Subject.Roles) > 0 || nobody.Subject.BlockedBy == "" {
		t.Errorf("without an organization: %+v, %v", nobody, err)
	}
}

func TestVerify_HostileToken_IsRefused(t *testing.T) {
	t.Parallel()
	b := open(t)
	good := b.claims(nil)
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	byStranger := func(header map[string]any) string {
		return seal(header, good, func(input []byte) []byte { return ed25519.Sign(stranger, input) })
	}
	jwk := jose.JSONWebKey{Key: stranger.Public(), KeyID: b.kid, Algorithm: "EdDSA"}
	none := func([]byte) []byte { return nil }
	parts := strings.Split(b.caller.Token, ".")
	tokens := map[string]string{
		"empty": "", "garbage": "garbage", "dots": "..", "NUL": "\x00", "spaces": " " + b.caller.Token,
		"two parts": parts[0] + "." + parts[1], "four parts": b.caller.Token + ".x", "five parts": "a.b.c.d.e",
		"no signature":         parts[0] + "." + parts[1] + ".",
		"payload exchanged":    parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`)) + "." + parts[2],
		"half a signature":     parts[0] + "." + parts[1] + "." + parts[2][:43],
		"JSON serialization":   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"alg none":             seal(b.header(map[string]any{"alg": "none"}), good, none),
		"alg None":             seal(b.header(map[string]any{"alg": "None"}), good, none),
		"alg none, signed":     b.sign(b.header(map[string]any{"alg": "none"}), good),
		"no alg":               b.sign(b.header(map[string]any{"alg": nil}), good),
		"alg a list":           b.sign(b.header(map[string]any{"alg": []string{"EdDSA"}}), good),
		"HS256 by public key":  hmacSigned(t, b.public(), b.kid, good),
		"HS256 by public text": hmacSigned(t, []byte(base64.RawURLEncoding.EncodeToString(b.public())), b.kid, good),
		"ES256": seal(b.header(map[string]any{"alg": "ES256"}), good, func(input []byte) []byte {
			hash := crypto.SHA256.New()
			hash.Write(input)
			signature, _ := ec.Sign(rand.Reader, hash.Sum(nil), crypto.SHA256)
			return signature
		}),
		"stranger's key":        byStranger(b.header(nil)),
		"stranger's key, jwk":   byStranger(b.header(map[string]any{"jwk": jwk})),
		"stranger's key, jku":   byStranger(b.header(map[string]any{"jku": "http://127.0.0.1:1/keys"})),
		"stranger's key, x5u":   byStranger(b.header(map[string]any{"x5u": "http://127.0.0.1:1/keys", "x5c": []string{"AAAA"}})),
		"unknown kid":           b.sign(b.header(map[string]any{"kid": "../../etc/passwd"}), good),
		"no kid":                b.sign(b.header(map[string]any{"kid": nil}), good),
		"kid a number":          b.sign(b.header(map[string]any{"kid": 7}), good),
		"SQL in kid":            b.sign(b.header(map[string]any{"kid": "' OR '1'='1"}), good),
		"critical extension":    b.sign(b.header(map[string]any{"crit": []string{"exp"}, "exp": 1}), good),
		"payload not encoded":   b.sign(b.header(map[string]any{"crit": []string{"b64"}, "b64": false}), good),
		"ID token":              b.sign(b.header(map[string]any{"typ": "JWT"}), good),
		"no typ":                b.sign(b.header(map[string]any{"typ": nil}), good),
		"nested":                b.sign(b.header(map[string]any{"cty": "JWT"}), []byte(b.caller.Token)),
		"payload a list":        b.sign(b.header(nil), []any{good}),
		"payload null":          b.sign(b.header(nil), nil),
		"payload not JSON":      b.sign(b.header(nil), []byte("\xff")),
		"payload deeply nested": b.sign(b.header(nil), []byte(strings.Repeat("[", 100_000))),
		"oversized":             b.sign(b.header(nil), b.claims(map[string]any{"roles": strings.Repeat("x", 10<<20)})),
		"header oversized":      b.sign(b.header(map[string]any{"x": strings.Repeat("x", 10<<20)}), good),
	}
	now := time.Now()
	for name, change := range map[string]map[string]any{
		"expired":             {"exp": now.Add(-time.Second).Unix()},
		"no expiry":           {"exp": nil},
		"expiry a text":       {"exp": "never"},
		"expiry too large":    {"exp": 1e300},
		"expiry negative":     {"exp": -1},
		"issued tomorrow":     {"iat": now.Add(24 * time.Hour).Unix()},
		"not before tomorrow": {"nbf": now.Add(24 * time.Hour).Unix()},
		"other issuer":        {"iss": "https://evil.example"},
		"no issuer":           {"iss": nil},
		"other audience":      {"aud": "billing"},
		"no audience":         {"aud": nil},
		"audience a list":     {"aud": []string{"billing", "test"}},
		"no subject":          {"sub": nil},
		"subject no UUID":     {"sub": "root"},
		"no session":          {"sid": nil},
		"unknown session":     {"sid": uuid.New()},
		"nil session":         {"sid": uuid.Nil},
		"organization name":   {"org": "evil"},
		"roles a text":        {"roles": "owner"},
	} {
		tokens[name] = b.sign(b.header(nil), b.claims(change))
	}
	for name, token := range tokens {
		caller, err := b.verifier.Verify(context.Background(), token)
		if e, ok := fault.As(err); !ok || e.Kind != fault.Unauthenticated {
			t.Errorf("%s: %+v, %v, want fault.Unauthenticated", name, caller, err)
		}
	}
	if _, err := b.verifier.Verify(context.Background(), b.caller.Token); err != nil {
		t.Errorf("the good token after all the bad ones: %v", err)
	}
}

func TestVerify_FloodOfUnknownKeys_AsksTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	tokens := make([]string, 200)
	for i := range tokens {
		tokens[i] = b.sign(b.header(map[string]any{"kid": fmt.Sprint("invented ", i)}), b.claims(nil))
	}
	pool, err := database.Open(context.Background(), b.Env.Config.IdentityDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	verifier := auth.NewVerifier(pool, "test", "test")
	var wg sync.WaitGroup
	for _, token := range tokens {
		wg.Go(func() {
			if _, err := verifier.Verify(context.Background(), token); err == nil {
				t.Error("takes a token of an invented key")
			}
		})
	}
	wg.Wait()
	if got := pool.Stat().AcquireCount(); got > 20 {
		t.Errorf("%d questions to the database for %d tokens", got, len(tokens))
	}
}

func TestVerify_EndedSession_IsRefusedByEveryProcess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{
		"logged out": `UPDATE sessions SET ended_at = now()`, "expired": `UPDATE sessions SET expires_at = now()`, "deleted": `DELETE FROM sessions`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			if _, err := b.verifier.Verify(context.Background(), b.caller.Token); err != nil {
				t.Fatal(err)
			}
			if _, err := b.DB(database.Users).Exec(context.Background(), end); err != nil {
				t.Fatal(err)
			}
			if _, err := b.another(t).Verify(context.Background(), b.caller.Token); err == nil {
				t.Error("a process that has not seen the session takes it")
			}
			for range 1000 {
				if _, err := b.verifier.Verify(context.Background(), b.caller.Token); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Error("the process that has seen the session takes it still")
		})
	}
}

func TestVerify_DatabaseDown_IsUnavailable(t *testing.T) {
	t.Parallel()
	pool, err := database.Open(context.Background(), "host=127.0.0.1 port=1 user=x dbname=x sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	b := open(t)
	_, err = auth.NewVerifier(pool, "test", "test").Verify(context.Background(), b.caller.Token)
	if _, ok := fault.As(err); ok || !database.IsUnavailable(err) {
		t.Errorf("error %v, want that the database cannot be reached", err)
	}
}

func TestTokenVerifierRole_SeesOnlyKeysAndSessions(t *testing.T) {
	t.Parallel()
	b := open(t)
	pool, err := database.Open(context.Background(), b.Env.Config.IdentityDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for _, statement := range []string{
		`SELECT * FROM users`, `SELECT * FROM signing_keys`, `SELECT * FROM sessions`, `SELECT * FROM refresh_tokens`, `SELECT * FROM outbox`,
		`SELECT * FROM compliance.retention_policies`, `SELECT * FROM published.metrics`, `UPDATE published.callers SET alive = true`, `SELECT * FROM roles`, `SELECT * FROM api_keys`,
		`SELECT * FROM api_key_secrets`, `SELECT * FROM service_accounts`, `SELECT * FROM external_identities`, `UPDATE published.api_keys SET scopes = '{}'`,
		`DELETE FROM published.signing_keys`, `CREATE TABLE public.x ()`,
	} {
		if _, err := pool.Exec(context.Background(), statement); err == nil {
			t.Errorf("token_verifier may %s", statement)
		}
	}
}
