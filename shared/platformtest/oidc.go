package platformtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"function/shared/auth"
)

// OIDCIssuer is an OpenID Connect provider with discovery, keys and tokens.
type OIDCIssuer struct {
	URL     string
	Fetches atomic.Int64 // number of requests for the key set

	t    testing.TB
	mu   sync.Mutex
	keys []jose.JSONWebKey // private; the first one signs
	made int
	say  map[string]http.HandlerFunc
}

// Paths of the issuer's documents.
const (
	MetadataPath = "/.well-known/openid-configuration"
	KeysPath     = "/keys"
)

// Audience is the audience of the issuer's tokens.
const Audience = "aic-data"

// NewOIDCIssuer starts an issuer that signs with RS256.
func NewOIDCIssuer(t testing.TB) *OIDCIssuer {
	i := &OIDCIssuer{t: t, say: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL = server.URL
	i.Roll(jose.RS256)
	return i
}

// Config returns the configuration by which a platform trusts the issuer.
func (i *OIDCIssuer) Config() auth.OIDCIssuer {
	return auth.OIDCIssuer{Issuer: i.URL, Audience: Audience}
}

// Say replaces the issuer's response at a path; nil restores it.
func (i *OIDCIssuer) Say(path string, handler http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.say[path] = handler
}

func (i *OIDCIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == KeysPath {
		i.Fetches.Add(1)
	}
	i.mu.Lock()
	say := i.say[r.URL.Path]
	i.mu.Unlock()
	switch {
	case say != nil:
		say(w, r)
	case r.URL.Path == MetadataPath:
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + KeysPath})
	case r.URL.Path == KeysPath:
		_ = json.NewEncoder(w).Encode(i.KeySet())
	default:
		http.NotFound(w, r)
	}
}

// KeySet returns the published keys.
func (i *OIDCIssuer) KeySet() (set jose.JSONWebKeySet) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

// Roll adds a new signing key. The older keys remain valid.
func (i *OIDCIssuer) Roll(algorithm jose.SignatureAlgorithm) {
	private := newPrivateKey(i.t, algorithm)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	key := jose.JSONWebKey{Key: private, KeyID: fmt.Sprint("key ", i.made), Algorithm: string(algorithm), Use: "sig"}
	i.keys = append([]jose.JSONWebKey{key}, i.keys...)
}

// Forget withdraws all keys except the newest.
func (i *OIDCIssuer) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[:1]
}

func newPrivateKey(t testing.TB, algorithm jose.SignatureAlgorithm) (private crypto.Signer) {
	t.Helper()
	var err error
	switch algorithm {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// Signer returns the current signing key.
func (i *OIDCIssuer) Signer() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// Token returns a valid token for a subject, with some claims changed; nil removes a claim.
func (i *OIDCIssuer) Token(subject string, change map[string]any) string {
	i.t.Helper()
	return i.TokenBy(i.Signer(), "at+jwt", subject, change)
}

// TokenBy is like Token, with a given key and `typ`; an empty typ omits the header.
func (i *OIDCIssuer) TokenBy(key jose.JSONWebKey, typ, subject string, change map[string]any) string {
	i.t.Helper()
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "aud": Audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range change {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	options := &jose.SignerOptions{}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		i.t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}
