package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/fault"
	"function/shared/policy"
)

// Verifier authenticates bearer tokens: access tokens of this platform, of trusted issuers, and API
// keys. It queries the views that the users domain publishes and caches the results briefly.
type Verifier struct {
	AdminsNeedSecondFactor bool // platform admin rights require a session with a second factor

	db       *pgxpool.Pool
	issuer   string
	audience string
	own      *keyring
	external map[string]*external // by issuer

	tokens      *cache[[32]byte, *token] // by SHA-256
	callers     *cache[who, seen]
	hashes      *cache[string, [32]byte] // of API keys, by identifier and start of the hash
	lookups     lookups
	unknownKeys chan struct{} // slots for lookups of API keys that were never seen valid here
	uses        *uses
}

// NewVerifier returns a verifier of one issuer's tokens for one audience. db can read the views.
func NewVerifier(db *pgxpool.Pool, issuer, audience string) *Verifier {
	v := &Verifier{
		db: db, issuer: issuer, audience: audience,
		tokens: newCache[[32]byte, *token](maxTokens), callers: newCache[who, seen](maxCallers), hashes: newCache[string, [32]byte](maxCallers),
		unknownKeys: make(chan struct{}, maxUnknownKeyLookups), uses: newUses(db),
	}
	v.own = newKeyring(v.readKeys)
	return v
}

// Close waits for background work.
func (v *Verifier) Close() error {
	v.lookups.done.Wait()
	v.uses.done.Wait()
	return nil
}

// errToken is fault.Unauthenticated (RFC 6750 §3.1, invalid_token).
var errToken = fault.New(fault.Unauthenticated, "The access token is not valid, or has expired: log in, or refresh it")

// Verify returns the holder of a bearer token. An invalid token is fault.Unauthenticated.
func (v *Verifier) Verify(ctx context.Context, bearer string) (Caller, error) {
	if strings.HasPrefix(bearer, apiKeyPrefix) {
		return v.apiKey(ctx, bearer)
	}
	t, err := v.token(ctx, bearer)
	if err != nil {
		return Caller{}, err
	}
	if t.who.kind == byExternal {
		caller, err := v.caller(ctx, t.who)
		return t.proves(caller), err
	}
	organization, session := t.who.organization, who{kind: bySession, id: t.who.id}
	caller, err := v.caller(ctx, session)
	if err == nil && organization != uuid.Nil && organization != caller.OrganizationID {
		caller, err = v.session(ctx, session) // the token may be newer than the cached caller
	}
	if err != nil {
		return Caller{}, err
	}
	switch {
	case caller.UserID != t.user:
		return Caller{}, errToken
	case organization == uuid.Nil: // issued before the membership
		caller.OrganizationID, caller.Roles, caller.Teams, caller.Subject.CustomPermissions = uuid.Nil, nil, nil, nil
		caller.Subject.Roles = slices.DeleteFunc(slices.Clone(caller.Subject.Roles), func(role string) bool { return role != policy.PlatformAdmin })
		if caller.Subject.BlockedBy == "" {
			caller.Subject.BlockedBy = policy.BlockedByApproval
		}
	case caller.OrganizationID != uuid.Nil && organization != caller.OrganizationID: // the session has switched since
		return Caller{}, errToken
	}
	return caller, nil
}

// who is the key of a caller lookup.
type who struct {
	kind         asked
	id           [32]byte // session ID, SHA-256 of the API key, or blind index of the subject
	issuer       string
	organization uuid.UUID // the organization that the token names
	twoFactors   bool      // according to the issuer
}

type asked byte

const (
	bySession asked = iota
	byAPIKey
	byExternal
)

// seen is a cached caller and when it was looked up.
type seen struct {
	caller Caller
	asked  time.Time
}

// callerTTL is how long a caller is cached. It is short enough that a revoked session, key or
// role takes effect in under a second.
const (
	callerTTL  = 500 * time.Millisecond
	maxCallers = 8192
)

// caller returns a caller and its current rights, from the cache if possible.
func (v *Verifier) caller(ctx context.Context, w who) (Caller, error) {
	known, ok := v.callers.get(w)
	if age := time.Since(known.asked); ok && age < callerTTL {
		if w.kind == bySession && age > callerTTL/2 {
			v.want(uuid.UUID(w.id[:16]))
		}
		return known.caller, nil
	}
	if w.kind == bySession {
		return v.session(ctx, w)
	}
	asked := time.Now()
	caller, err := v.ask(ctx, w, ok)
	if err != nil {
		if f, isFault := fault.As(err); isFault && f.Kind == fault.Unauthenticated {
			v.callers.drop(w)
		}
		return Caller{}, err
	}
	v.callers.put(w, seen{caller, asked})
	return caller, nil
}

func (v *Verifier) ask(ctx context.Context, w who, known bool) (Caller, error) {
	if w.kind == byAPIKey {
		return v.keyHolder(ctx, w, known)
	}
	return v.externalCaller(ctx, w)
}

// PublicKey is a key that verifies tokens with its `kid`.
type PublicKey struct {
	KID       string
	PublicKey ed25519.PublicKey
}

// X returns the key in the form that a JWK uses (RFC 8037 §2).
func (k PublicKey) X() string { return base64.RawURLEncoding.EncodeToString(k.PublicKey) }
