package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// token is a verified access token.
type token struct {
	who      who
	expires  time.Time
	user     uuid.UUID // only for a session's token
	methods  []string  // only for another issuer's token
	provedAt time.Time // only for another issuer's token

	ring *keyring // holds the key that signed it
	keys *keys    // the ring's key set at that time
}

// maxTokens is the size of the cache of verified tokens: checking a signature costs a hundred
// times as much as finding a token by its SHA-256.
const maxTokens = 8192

// maxToken is the maximum length of a token in bytes, more than any valid access token needs.
const maxToken = 8 << 10

// token verifies a token's signature and claims. Valid tokens are cached until they expire or their
// issuer's keys change; invalid ones are not.
func (v *Verifier) token(ctx context.Context, raw string) (*token, error) {
	if len(raw) > maxToken {
		return nil, errToken
	}
	hash := hashOf(raw)
	if known, ok := v.tokens.get(hash); ok && known.ring.holds(known.keys) {
		if time.Now().After(known.expires) {
			v.tokens.drop(hash)
			return nil, errToken
		}
		return known, nil
	}
	check := v.ownToken
	if issuer, ok := v.external[issuerOf(raw)]; ok {
		check = issuer.token
	}
	t, err := check(ctx, raw)
	if err != nil {
		return nil, err
	}
	v.tokens.put(hash, t)
	return t, nil
}

// hashOf returns the SHA-256 of a token. Most tokens fit into the buffer and need no copy on the
// heap.
func hashOf(raw string) [32]byte {
	var buffer [1 << 10]byte
	return sha256.Sum256(append(buffer[:0], raw...))
}

// issuerOf returns the issuer that a token claims, unverified.
func issuerOf(raw string) string {
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(decoded, &claims) != nil {
		return ""
	}
	return claims.Issuer
}

// verified returns the payload of a token that a key of the ring has signed. The caller sets the
// allowed algorithms, never the token (RFC 8725 §3.1). The token's `typ` must be one of types, in
// any case.
func (r *keyring) verified(ctx context.Context, raw string, algorithms []jose.SignatureAlgorithm, types ...string) ([]byte, *keys, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, nil, errToken
	}
	header := jws.Signatures[0].Protected
	if typ, ok := header.ExtraHeaders[jose.HeaderType].(string); !isOneOf(types, typ) || !ok && header.ExtraHeaders[jose.HeaderType] != nil {
		return nil, nil, errToken
	}
	key, held, err := r.find(ctx, header.KeyID)
	if err != nil {
		return nil, nil, err
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return nil, nil, errToken
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return nil, nil, errToken
	}
	return payload, held, nil
}

func isOneOf(types []string, typ string) bool {
	for _, t := range types {
		if strings.EqualFold(t, typ) {
			return true
		}
	}
	return false
}

// ownToken verifies a token that this platform issued, which must use Ed25519.
func (v *Verifier) ownToken(ctx context.Context, raw string) (*token, error) {
	payload, held, err := v.own.verified(ctx, raw, []jose.SignatureAlgorithm{jose.EdDSA}, TokenType)
	if err != nil {
		return nil, err
	}
	var c Claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errToken
	}
	now, expires := time.Now(), time.Unix(c.Expiry, 0)
	user, userErr := uuid.Parse(c.Subject)
	session, sessionErr := uuid.Parse(c.SessionID)
	organization, organizationErr := parseOptional(c.OrganizationID)
	if c.Issuer != v.issuer || c.Audience != v.audience || now.After(expires) || now.Add(leeway).Before(time.Unix(max(c.IssuedAt, c.NotBefore), 0)) ||
		userErr != nil || sessionErr != nil || organizationErr != nil {
		return nil, errToken
	}
	t := &token{who: who{kind: bySession, organization: organization}, expires: expires, user: user, ring: v.own, keys: held}
	copy(t.who.id[:], session[:])
	return t, nil
}

func parseOptional(id string) (uuid.UUID, error) {
	if id == "" {
		return uuid.Nil, nil
	}
	return uuid.Parse(id)
}

const selectKeys = `SELECT kid, public_key FROM published.signing_keys`

// readKeys reads the platform's own keys.
func (v *Verifier) readKeys(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	rows, _ := v.db.Query(ctx, selectKeys)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PublicKey])
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	byID := make(map[string]jose.JSONWebKey, len(list))
	for _, k := range list {
		byID[k.KID] = jose.JSONWebKey{Key: k.PublicKey, KeyID: k.KID, Algorithm: string(jose.EdDSA)}
	}
	return byID, nil
}
