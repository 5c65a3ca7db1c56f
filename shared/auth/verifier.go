package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"

	"function/shared/fault"
	"function/shared/policy"
)

// Verifier checks access tokens against two views that the users domain
// publishes: its public keys, and its sessions.
type Verifier struct {
	db       *pgxpool.Pool
	issuer   string
	audience string

	reading singleflight.Group // of the keys

	mu       sync.Mutex
	keys     map[string]ed25519.PublicKey
	keysRead time.Time
	sessions map[uuid.UUID]seen
}

// NewVerifier checks tokens of one issuer for one audience; db sees the views.
func NewVerifier(db *pgxpool.Pool, issuer, audience string) *Verifier {
	return &Verifier{db: db, issuer: issuer, audience: audience, sessions: map[uuid.UUID]seen{}}
}

// What is remembered, and for how long. A session may be trusted for half a
// second after it has ended, which keeps revocation under a second; unknown key
// identifiers may ask for the keys again once a second, whoever invents them.
const (
	sessionMemory = 500 * time.Millisecond
	sessionsHeld  = 4096
	keysMemory    = 10 * time.Minute
	keysPause     = time.Second
	keysPatience  = 10 * time.Second
)

// maxToken is more than any access token has, in bytes.
const maxToken = 8 << 10

var errToken = fault.New(fault.Unauthenticated, "The access token is not valid, or has expired: log in, or refresh it")

// Verify tells who holds an access token; a bad token is fault.Unauthenticated.
func (v *Verifier) Verify(ctx context.Context, token string) (Caller, error) {
	claims, err := v.claims(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	user, userErr := uuid.Parse(claims.Subject)
	session, sessionErr := uuid.Parse(claims.SessionID)
	organization, organizationErr := parseOptional(claims.OrganizationID)
	if userErr != nil || sessionErr != nil || organizationErr != nil {
		return Caller{}, errToken
	}
	caller, err := v.caller(ctx, session)
	if err == nil && organization != uuid.Nil && organization != caller.OrganizationID {
		caller, err = v.look(ctx, session) // the token may be newer than what is remembered
	}
	if err != nil {
		return Caller{}, err
	}
	switch {
	case caller.UserID != user:
		return Caller{}, errToken
	case organization == uuid.Nil: // the token is older than the membership
		caller.OrganizationID, caller.Roles, caller.Subject.Roles, caller.Subject.Own = uuid.Nil, nil, nil, nil
		if caller.Subject.WaitsFor == "" {
			caller.Subject.WaitsFor = policy.WaitsForApproval
		}
	case caller.OrganizationID != uuid.Nil && organization != caller.OrganizationID: // switched since
		return Caller{}, errToken
	}
	return caller, nil
}

func parseOptional(id string) (uuid.UUID, error) {
	if id == "" {
		return uuid.Nil, nil
	}
	return uuid.Parse(id)
}

func (v *Verifier) claims(ctx context.Context, token string) (*Claims, error) {
	if len(token) > maxToken {
		return nil, errToken
	}
	// Only Ed25519, never what the token itself proposes (RFC 8725 §3.1).
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, errToken
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, TokenType) {
		return nil, errToken
	}
	key, err := v.key(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, errToken
	}
	var c Claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, errToken
	}
	now := time.Now()
	if c.Issuer != v.issuer || c.Audience != v.audience ||
		now.After(time.Unix(c.Expiry, 0)) || now.Add(leeway).Before(time.Unix(c.IssuedAt, 0)) {
		return nil, errToken
	}
	return &c, nil
}

// PublicKey verifies the tokens whose `kid` it has.
type PublicKey struct {
	KID       string
	PublicKey ed25519.PublicKey
}

// X is the key as a JWK has it (RFC 8037 §2).
func (k PublicKey) X() string { return base64.RawURLEncoding.EncodeToString(k.PublicKey) }

func (v *Verifier) key(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	v.mu.Lock()
	key, known := v.keys[kid]
	age := time.Since(v.keysRead)
	v.mu.Unlock()
	if known && age < keysMemory {
		return key, nil
	}
	if !known && age < keysPause {
		return nil, errToken
	}
	keys, err, _ := v.reading.Do("keys", func() (any, error) { return v.readKeys(context.WithoutCancel(ctx)) })
	if err != nil {
		return nil, err
	}
	if key, known = keys.(map[string]ed25519.PublicKey)[kid]; !known {
		return nil, errToken
	}
	return key, nil
}

// readKeys reads for everybody who waits, so it outlives the request that began it.
func (v *Verifier) readKeys(ctx context.Context) (map[string]ed25519.PublicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keysPatience)
	defer cancel()
	rows, _ := v.db.Query(ctx, `SELECT kid, public_key FROM published.signing_keys`)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[PublicKey])
	if err != nil {
		return nil, fmt.Errorf("read signing keys: %w", err)
	}
	keys := make(map[string]ed25519.PublicKey, len(list))
	for _, k := range list {
		keys[k.KID] = k.PublicKey
	}
	v.mu.Lock()
	v.keys, v.keysRead = keys, time.Now()
	v.mu.Unlock()
	return keys, nil
}
