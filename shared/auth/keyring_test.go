package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// ring is a keyring whose issuer responds as the test specifies.
type ring struct {
	*keyring
	mu     sync.Mutex
	answer map[string]jose.JSONWebKey
	err    error
	asked  int
}

func newRing(kids ...string) *ring {
	r := &ring{}
	r.publish(kids...)
	r.keyring = newKeyring(func(context.Context) (map[string]jose.JSONWebKey, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		return r.answer, r.err
	})
	return r
}

func (r *ring) publish(kids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = map[string]jose.JSONWebKey{}
	for _, kid := range kids {
		r.answer[kid] = jose.JSONWebKey{KeyID: kid}
	}
}

func (r *ring) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// age makes the cached keys older.
func (r *ring) age(d time.Duration) {
	r.keyring.mu.Lock()
	defer r.keyring.mu.Unlock()
	r.readAt, r.askedAt = r.readAt.Add(-d), r.askedAt.Add(-d)
}

func (r *ring) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

func TestKeyring_UnknownKeys_AskOncePerInterval(t *testing.T) {
	t.Parallel()
	r, ctx := newRing("a"), context.Background()
	for range 100 {
		if _, _, err := r.find(ctx, "invented"); !errors.Is(err, errToken) {
			t.Fatal(err)
		}
	}
	if got := r.questions(); got != 1 {
		t.Errorf("%d questions, want 1", got)
	}
	r.publish("a", "b")
	r.age(keysRetryInterval)
	if _, _, err := r.find(ctx, "b"); err != nil {
		t.Errorf("the new key after a pause: %v", err)
	}
}

func TestKeyring_IssuerFails_IsUnavailableAndNotAskedAgainAtOnce(t *testing.T) {
	t.Parallel()
	r, ctx := newRing("a"), context.Background()
	down := errors.New("down")
	r.fail(down)
	for range 10 {
		if _, _, err := r.find(ctx, "a"); !errors.Is(err, down) {
			t.Fatal(err)
		}
	}
	if got := r.questions(); got != 1 {
		t.Errorf("%d questions, want 1", got)
	}
	r.fail(nil)
	r.age(keysRetryInterval)
	if _, _, err := r.find(ctx, "a"); err != nil {
		t.Error(err)
	}
}

func TestKeyring_ExpiredKeys_RemainValidForAWhile(t *testing.T) {
	t.Parallel()
	r, ctx := newRing("a"), context.Background()
	if _, _, err := r.find(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	r.fail(errors.New("down"))
	r.age(keysTTL)
	if _, _, err := r.find(ctx, "a"); err != nil {
		t.Errorf("a known key, of an issuer that is down: %v", err)
	}
	r.age(keysTTL)
	if _, _, err := r.find(ctx, "a"); err == nil {
		t.Error("a key that nobody has confirmed for too long is taken")
	}
	r.fail(nil)
	r.publish("b")
	r.age(keysRetryInterval)
	if _, _, err := r.find(ctx, "a"); !errors.Is(err, errToken) {
		t.Errorf("a withdrawn key: %v", err)
	}
}

func TestToken_KeysReplaced_IsCheckedAgain(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}, (&jose.SignerOptions{}).WithType(TokenType))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(Claims{Issuer: "i", Audience: "a", Subject: uuid.NewString(), SessionID: uuid.NewString(), Expiry: time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	r, v, ctx := newRing(), NewVerifier(nil, "i", "a"), context.Background()
	key := jose.JSONWebKey{Key: public, KeyID: "k", Algorithm: "EdDSA"}
	r.answer["k"] = key
	v.own = r.keyring
	first, err := v.token(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := v.token(ctx, raw); err != nil || again != first {
		t.Errorf("the token was not remembered: %v", err)
	}
	r.age(keysTTL)
	if _, err := v.token(ctx, raw); err != nil {
		t.Errorf("the same keys, read again: %v", err)
	}
	r.publish("other")
	r.age(2 * keysTTL)
	if _, err := v.token(ctx, raw); !errors.Is(err, errToken) {
		t.Errorf("the token of a withdrawn key is remembered as good: %v", err)
	}

	r.mu.Lock()
	r.answer = map[string]jose.JSONWebKey{"k": key}
	r.mu.Unlock()
	r.age(keysRetryInterval)
	if _, err := v.token(ctx, raw); err != nil {
		t.Fatal(err)
	}
	remembered, _ := v.tokens.get(hashOf(raw))
	remembered.expires = time.Now().Add(-time.Second)
	if _, err := v.token(ctx, raw); !errors.Is(err, errToken) {
		t.Errorf("an expired token is remembered as good: %v", err)
	}
}

func TestCache_Full_ReplacesAnEntry(t *testing.T) {
	t.Parallel()
	m := newCache[int, int](10)
	for i := range 1000 {
		m.put(i, i)
		if got, ok := m.get(i); !ok || got != i || len(m.known) > 10 {
			t.Fatalf("%d things known, the newest %d %v", len(m.known), got, ok)
		}
	}
	m.put(999, 0)
	if len(m.known) != 10 {
		t.Errorf("%d things known after one was replaced", len(m.known))
	}
	m.drop(999)
	if _, ok := m.get(999); ok {
		t.Error("what was dropped is known")
	}
}
