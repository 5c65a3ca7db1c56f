package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
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
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
)

var subjectKey = base64.StdEncoding.EncodeToString(make([]byte, 32))

// foreign is a platform that trusts another issuer, and a person known to both.
type foreign struct {
	*platformtest.Platform
	issuer   *platformtest.OIDCIssuer
	verifier *auth.Verifier
	person   platformtest.Caller
	subject  string
}

func openForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{issuer: platformtest.NewOIDCIssuer(t), subject: "auth0|ada"}
	f.Platform = platformtest.NewWith(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{f.issuer.Config()}, subjectKey
	})
	f.person = f.Login("analyst")
	f.verifier = f.another(t)
	f.link(t, f.subject, f.person.UserID)
	return f
}

func (f *foreign) another(t *testing.T) *auth.Verifier {
	t.Helper()
	v, err := f.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (f *foreign) link(t *testing.T, subject string, user uuid.UUID) {
	t.Helper()
	identity, err := f.verifier.Identify(context.Background(), f.issuer.Token(subject, nil))
	if err != nil {
		t.Fatal(err)
	}
	f.exec(t, `INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES ($1, $2, $3, $4)`, uuid.New(), identity.Issuer, identity.SubjectIndex, user)
}

func (f *foreign) exec(t *testing.T, statement string, arguments ...any) {
	t.Helper()
	if _, err := f.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

func (f *foreign) caller(t *testing.T, token string) auth.Caller {
	t.Helper()
	c, err := f.another(t).Verify(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// becomes waits until a verifier returns the expected result for a token.
func becomes(t *testing.T, v *auth.Verifier, token string, kind fault.Kind) {
	t.Helper()
	var err error
	for range 1000 {
		_, err = v.Verify(context.Background(), token)
		if f, ok := fault.As(err); ok && f.Kind == kind || err == nil && kind == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the verifier still answers %v", err)
}

func TestExternalToken_Linked_IsThatPerson(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	want := auth.Caller{
		Kind: auth.Person, UserID: f.person.UserID, OrganizationID: f.person.OrganizationID, Roles: []string{policy.Analyst}, Methods: []string{"pwd"},
		Subject: policy.Subject{Roles: []string{policy.Analyst}, CustomPermissions: []policy.Permission{}, ExternalIssuer: true},
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		f.issuer.Roll(algorithm)
		for _, typ := range []string{"", "JWT", "at+jwt", "application/AT+JWT"} {
			got := f.caller(t, f.issuer.TokenBy(f.issuer.Signer(), typ, f.subject, map[string]any{"amr": []string{"pwd"}, "aud": []string{"other", platformtest.Audience}}))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q: %s", algorithm, typ, diff)
			}
		}
	}
}

func TestExternalToken_NamesAnOrganization_ActsInIt(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	second, strange := f.Login("owner").OrganizationID, f.Login("owner").OrganizationID
	f.exec(t, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'viewer', 'active')`, f.person.UserID, second)
	for name, test := range map[string]struct {
		claims map[string]any
		want   uuid.UUID
	}{
		"none":                       {nil, f.person.OrganizationID},
		"org":                        {map[string]any{"org": second}, second},
		"organization_id":            {map[string]any{"organization_id": second}, second},
		"somebody else's":            {map[string]any{"org": strange}, f.person.OrganizationID},
		"another issuer's word":      {map[string]any{"org": "acme"}, f.person.OrganizationID},
		"org before organization_id": {map[string]any{"org": second, "organization_id": strange}, second},
	} {
		got := f.caller(t, f.issuer.Token(f.subject, test.claims))
		if got.OrganizationID != test.want || slices.Equal(got.Roles, []string{policy.Viewer}) != (test.want == second) {
			t.Errorf("%s: %+v, want organization %s", name, got, test.want)
		}
	}
	f.exec(t, `UPDATE memberships SET status = 'suspended' WHERE user_id = $1 AND organization_id = $2`, f.person.UserID, f.person.OrganizationID)
	if got := f.caller(t, f.issuer.Token(f.subject, nil)); got.OrganizationID != second {
		t.Errorf("acts in %s, where the person is suspended", got.OrganizationID)
	}
	f.exec(t, `DELETE FROM memberships WHERE user_id = $1`, f.person.UserID)
	if got := f.caller(t, f.issuer.Token(f.subject, nil)); got.OrganizationID != uuid.Nil || got.Subject.BlockedBy != policy.BlockedByMembership {
		t.Errorf("%+v without a membership", got)
	}
}

func TestExternalToken_SecondFactor_FollowsAmr(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	f.exec(t, `UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = $1`, f.person.OrganizationID)
	now := time.Now().Truncate(time.Second)
	one := f.caller(t, f.issuer.Token(f.subject, map[string]any{"amr": []string{"pwd"}, "auth_time": now.Unix()}))
	if one.OrganizationID != uuid.Nil || len(one.Subject.Roles) > 0 || one.Subject.BlockedBy != policy.BlockedBySecondFactor {
		t.Errorf("by a password only: %+v", one)
	}
	two := f.caller(t, f.issuer.Token(f.subject, map[string]any{"amr": []string{"pwd", "otp", "mfa"}, "auth_time": now.Unix()}))
	if two.OrganizationID != f.person.OrganizationID || two.Subject.BlockedBy != "" || !two.Subject.ProvedAt.Equal(now) {
		t.Errorf("by two factors: %+v", two)
	}
}

func TestExternalToken_FreshProof_FollowsAuthTime(t *testing.T) {
	t.Parallel()
	f, fresh := openForeign(t), policy.Need{Fresh: true}
	now := time.Now()
	for _, factor := range []bool{false, true} {
		if factor {
			f.exec(t, `INSERT INTO totp_secrets (user_id, secret, confirmed_at) VALUES ($1, '', now())`, f.person.UserID)
		}
		for name, test := range map[string]struct {
			claims map[string]any
			want   bool
		}{
			"a moment ago":         {map[string]any{"auth_time": now.Unix(), "amr": []string{"pwd"}}, !factor},
			"by two factors":       {map[string]any{"auth_time": now.Unix(), "amr": []string{"mfa"}}, true},
			"how is not told":      {map[string]any{"auth_time": now.Unix()}, !factor},
			"when is not told":     {map[string]any{"amr": []string{"mfa"}}, false},
			"when is null":         {map[string]any{"auth_time": nil, "amr": []string{"mfa"}}, false},
			"too long ago":         {map[string]any{"auth_time": now.Add(-policy.FreshProof - time.Minute).Unix(), "amr": []string{"mfa"}}, false},
			"in an hour":           {map[string]any{"auth_time": now.Add(time.Hour).Unix(), "amr": []string{"mfa"}}, false},
			"in milliseconds":      {map[string]any{"auth_time": now.UnixMilli(), "amr": []string{"mfa"}}, false},
			"before the beginning": {map[string]any{"auth_time": -1, "amr": []string{"mfa"}}, false},
		} {
			c := f.caller(t, f.issuer.Token(f.subject, test.claims))
			d := policy.Decide(c.Subject, fresh, time.Now())
			if d.Allowed != test.want || !test.want && (!d.StepUp || !strings.Contains(d.Reason, "max_age=900")) {
				t.Errorf("%s, second factor %v: %+v, want %v", name, factor, d, test.want)
			}
		}
	}
}

func TestExternalToken_Hostile_IsRefused(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	key, good := f.issuer.Signer(), f.issuer.Token(f.subject, nil)
	public := key.Public()
	encoded, err := public.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	by := func(k any, algorithm jose.SignatureAlgorithm, kid string) string {
		return f.issuer.TokenBy(jose.JSONWebKey{Key: k, Algorithm: string(algorithm), KeyID: kid}, "at+jwt", f.subject, nil)
	}
	own := f.person.Token // of this platform, sent under the other issuer's name
	parts := strings.Split(good, ".")
	now := time.Now()
	tokens := map[string]string{
		"HS256 by the public key":   by(encoded, jose.HS256, key.KeyID),
		"HS256 by the modulus":      by(key.Key.(*rsa.PrivateKey).N.Bytes(), jose.HS256, key.KeyID),
		"stranger's key, known kid": by(stranger, jose.RS256, key.KeyID),
		"stranger's key and kid":    by(stranger, jose.RS256, "../keys"),
		"no kid":                    by(key.Key, jose.RS256, ""),
		"another algorithm's key":   by(key.Key, jose.PS256, key.KeyID),
		"algorithm not configured":  by(key.Key, jose.RS512, key.KeyID),
		"alg none":                  base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"key 1"}`)) + "." + parts[1] + ".",
		"own signature":             strings.Split(own, ".")[0] + "." + parts[1] + "." + strings.Split(own, ".")[2],
		"logout token":              f.issuer.TokenBy(key, "logout+jwt", f.subject, nil),
		"no subject":                f.issuer.Token("", nil),
		"long subject":              f.issuer.Token(strings.Repeat("x", 256), nil),
		"unlinked subject":          f.issuer.Token("auth0|eve", nil),
		"subject in other letters":  f.issuer.Token("auth0|ADA", nil),
		"empty":                     "", "dots": "..", "issuer only": "." + parts[1] + ".",
	}
	for name, change := range map[string]map[string]any{
		"expired":          {"exp": now.Add(-time.Hour).Unix()},
		"no expiry":        {"exp": nil},
		"expiry a text":    {"exp": "never"},
		"expiry too large": {"exp": 1e300},
		"not yet":          {"nbf": now.Add(time.Hour).Unix()},
		"issued tomorrow":  {"iat": now.Add(24 * time.Hour).Unix()},
		"other audience":   {"aud": "billing"},
		"no audience":      {"aud": nil},
		"other issuer":     {"iss": "https://evil.example"},
		"issuer with a /":  {"iss": f.issuer.URL + "/"},
		"this platform":    {"iss": "test", "sid": f.person.SessionID, "aud": "test", "sub": f.person.UserID},
		"subject a list":   {"sub": []string{f.subject}},
		"subject a number": {"sub": 7},
	} {
		tokens[name] = f.issuer.Token(f.subject, change)
	}
	for name, token := range tokens {
		if c, err := f.verifier.Verify(context.Background(), token); !isUnauthenticated(err) {
			t.Errorf("%s: %+v, %v, want fault.Unauthenticated", name, c, err)
		}
	}
	f.caller(t, good)
	if _, err := f.verifier.Verify(context.Background(), good); err != nil {
		t.Errorf("the good token after all the bad ones: %v", err)
	}
}

func isUnauthenticated(err error) bool {
	f, ok := fault.As(err)
	return ok && f.Kind == fault.Unauthenticated
}

func TestExternalToken_KeyOfAnotherIssuer_IsRefused(t *testing.T) {
	t.Parallel()
	first, second := platformtest.NewOIDCIssuer(t), platformtest.NewOIDCIssuer(t)
	p := platformtest.NewWith(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{first.Config(), second.Config()}, subjectKey
	})
	v, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := v.Identify(ctx, first.TokenBy(second.Signer(), "JWT", "ada", nil)); !isUnauthenticated(err) {
		t.Errorf("the second issuer's key, called %q by both, signs for the first: %v", second.Signer().KeyID, err)
	}
	one, errOne := v.Identify(ctx, first.Token("ada", nil))
	two, errTwo := v.Identify(ctx, second.Token("ada", nil))
	if errOne != nil || errTwo != nil || slices.Equal(one.SubjectIndex, two.SubjectIndex) {
		t.Errorf("one subject of two issuers: %v %v, %v %v", one, errOne, two, errTwo)
	}
}

func TestExternalToken_IssuerRotatesItsKeys_IsAccepted(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	old := f.issuer.Token(f.subject, nil)
	f.caller(t, old)
	f.issuer.Roll(jose.ES256)
	becomes(t, f.verifier, f.issuer.Token(f.subject, nil), 0)
	becomes(t, f.verifier, old, 0)

	f.issuer.Forget()
	if _, err := f.another(t).Verify(context.Background(), old); !isUnauthenticated(err) {
		t.Errorf("another process takes the token of a withdrawn key: %v", err)
	}
	f.issuer.Roll(jose.EdDSA) // makes the verifier read the keys again and notice the withdrawal
	becomes(t, f.verifier, f.issuer.Token(f.subject, nil), 0)
	becomes(t, f.verifier, old, fault.Unauthenticated)
}

func TestExternalToken_FloodOfUnknownKeys_AsksTheIssuerRarely(t *testing.T) {
	t.Parallel()
	f := openForeign(t)
	began, before := time.Now(), f.issuer.Fetches.Load()
	key := f.issuer.Signer()
	var wg sync.WaitGroup
	for i := range 100 {
		key.KeyID = fmt.Sprint("invented ", i)
		token := f.issuer.TokenBy(key, "JWT", f.subject, nil)
		wg.Go(func() { _, _ = f.verifier.Verify(context.Background(), token) })
	}
	wg.Wait()
	if fetches, atMost := f.issuer.Fetches.Load()-before, int64(time.Since(began).Seconds())+5; fetches > atMost {
		t.Errorf("%d fetches, want %d at most", fetches, atMost)
	}
}

func TestExternalToken_HostileIssuer_IsUnavailable(t *testing.T) {
	t.Parallel()
	say := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	forever := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(" ", 4096))); err != nil {
				return
			}
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	metadata := func(issuer *platformtest.OIDCIssuer, keys string) http.HandlerFunc {
		body, _ := json.Marshal(map[string]string{"issuer": issuer.URL, "jwks_uri": keys})
		return say(string(body))
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		say  func(*platformtest.OIDCIssuer) http.HandlerFunc
		want fault.Kind
	}{
		"metadata of another issuer": {platformtest.MetadataPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc {
			return say(`{"issuer": "https://evil.example", "jwks_uri": "` + i.URL + `/keys"}`)
		}, fault.Unavailable},
		"metadata not JSON":    {platformtest.MetadataPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return say("<html>") }, fault.Unavailable},
		"metadata elsewhere":   {platformtest.MetadataPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc { return redirect(i.URL + "/elsewhere") }, fault.Unavailable},
		"keys over plain HTTP": {platformtest.MetadataPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc { return metadata(i, "http://169.254.169.254/latest") }, fault.Unavailable},
		"keys in a file":       {platformtest.MetadataPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc { return metadata(i, "file:///etc/passwd") }, fault.Unavailable},
		"keys elsewhere":       {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return redirect("http://169.254.169.254/") }, fault.Unavailable},
		"keys without end":     {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return forever }, fault.Unavailable},
		"keys never":           {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return silent }, fault.Unavailable},
		"an error": {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }
		}, fault.Unavailable},
		"a thousand keys": {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc {
			return say(`{"keys": [` + strings.Repeat("{},", 999) + "{}]}")
		}, fault.Unavailable},
		"no keys": {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return say(`{"keys": []}`) }, fault.Unauthenticated},
		"null":    {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc { return say(`null`) }, fault.Unauthenticated},
		"a secret key": {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc {
			return say(`{"keys": [{"kty": "oct", "kid": "key 1", "k": "AAAA"}]}`)
		}, fault.Unauthenticated},
		"a key that encrypts": {platformtest.KeysPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc { return keys(i.Signer(), "enc") }, fault.Unauthenticated},
		"a weak key": {platformtest.KeysPath, func(*platformtest.OIDCIssuer) http.HandlerFunc {
			return keys(jose.JSONWebKey{Key: weak, KeyID: "key 1"}, "sig")
		}, fault.Unauthenticated},
		"unknown kinds beside its key": {platformtest.KeysPath, func(i *platformtest.OIDCIssuer) http.HandlerFunc {
			key := i.Signer()
			encoded, _ := json.Marshal(key.Public())
			return say(`{"keys": [{"kty": "quantum", "kid": "key 1"}, 7, ` + string(encoded) + `]}`)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := platformtest.NewOIDCIssuer(t)
			issuer.Say(test.path, test.say(issuer))
			v := auth.NewVerifier(nil, "test", "test")
			if err := v.Trust(auth.OIDCIssuers{issuer.Config()}, subjectKey); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := v.Identify(context.Background(), issuer.Token("ada", nil))
				if f, ok := fault.As(err); ok && f.Kind != test.want || !ok && err != nil || err == nil && test.want != 0 {
					t.Errorf("answer %v, want kind %d", err, test.want)
				}
			}
		})
	}
}

func keys(key jose.JSONWebKey, use string) http.HandlerFunc {
	public := key.Public()
	public.Use = use
	return func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}})
	}
}

func TestExternalToken_PersonUnlinkedOrSuspended_IsRefused(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"unlinked": `DELETE FROM external_identities`, "suspended": `UPDATE users SET suspended_at = now()`, "erased": `DELETE FROM users`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := openForeign(t)
			token := f.issuer.Token(f.subject, nil)
			f.exec(t, `UPDATE sessions SET ended_at = now()`) // does not concern the other issuer
			becomes(t, f.verifier, token, 0)
			f.exec(t, statement)
			if _, err := f.another(t).Verify(context.Background(), token); !isUnauthenticated(err) {
				t.Errorf("another process answers %v", err)
			}
			becomes(t, f.verifier, token, fault.Unauthenticated)
		})
	}
}

func TestTrust_UnsafeIssuer_IsRefused(t *testing.T) {
	t.Parallel()
	good := auth.OIDCIssuer{Issuer: "https://id.example", Audience: "aic-data"}
	change := func(f func(*auth.OIDCIssuer)) auth.OIDCIssuers {
		i := good
		f(&i)
		return auth.OIDCIssuers{i}
	}
	if err := auth.NewVerifier(nil, "test", "test").Trust(auth.OIDCIssuers{good}, subjectKey); err != nil {
		t.Error(err)
	}
	for name, issuers := range map[string]auth.OIDCIssuers{
		"twice":             {good, good},
		"this platform":     change(func(i *auth.OIDCIssuer) { i.Issuer = "test" }),
		"no audience":       change(func(i *auth.OIDCIssuer) { i.Audience = "" }),
		"plain HTTP":        change(func(i *auth.OIDCIssuer) { i.Issuer = "http://id.example" }),
		"with a password":   change(func(i *auth.OIDCIssuer) { i.Issuer = "https://a:b@id.example" }),
		"keys on localhost": change(func(i *auth.OIDCIssuer) { i.JWKSURL = "http://localhost/keys" }),
		"symmetric":         change(func(i *auth.OIDCIssuer) { i.Algorithms = []jose.SignatureAlgorithm{jose.HS256} }),
		"none":              change(func(i *auth.OIDCIssuer) { i.Algorithms = []jose.SignatureAlgorithm{"none"} }),
	} {
		if err := auth.NewVerifier(nil, "test", "test").Trust(issuers, subjectKey); err == nil {
			t.Errorf("%s: trusted", name)
		}
	}
	if err := auth.NewVerifier(nil, "test", "test").Trust(auth.OIDCIssuers{good}, "short"); err == nil {
		t.Error("trusted without OIDC_SUBJECT_KEY")
	}
	var list auth.OIDCIssuers
	if err := list.EnvDecode(`[{"issuer": "https://id.example", "audience": "aic-data"}]`); err != nil || !cmp.Equal(list, auth.OIDCIssuers{good}) {
		t.Errorf("%v, %v", list, err)
	}
	if err := list.EnvDecode(`{`); err == nil {
		t.Error("takes what is no list")
	}
}

func TestExternalToken_OfAnotherKind_IsRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	issuer := platformtest.NewOIDCIssuer(t)
	p := platformtest.NewWith(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{issuer.Config()}, subjectKey
	})
	v, err := p.Env.Verifier(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"nonce": "n-0S6_WzA2Mj", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ", "c_hash": "LDktKdoQak3Pk0cnXxCltA", "s_hash": "x", "events": map[string]any{}, "typ": "ID"} {
		for _, typ := range []string{"JWT", "", "at+jwt"} {
			if _, err := v.Identify(ctx, issuer.TokenBy(issuer.Signer(), typ, "ada", map[string]any{name: value})); !isUnauthenticated(err) {
				t.Errorf("a token of type %q with %s: %v, want a refusal", typ, name, err)
			}
		}
	}
	for _, typ := range []string{"logout+jwt", "secevent+jwt", "dpop+jwt", "id+jwt"} {
		if _, err := v.Identify(ctx, issuer.TokenBy(issuer.Signer(), typ, "ada", nil)); !isUnauthenticated(err) {
			t.Errorf("a token of type %q: %v, want a refusal", typ, err)
		}
	}
	if _, err := v.Identify(ctx, issuer.TokenBy(issuer.Signer(), "JWT", "ada", map[string]any{"typ": "Bearer"})); err != nil {
		t.Errorf("an access token: %v", err)
	}
}
