// Package s3keys issues credentials for the S3 gateway and finds their holders.
//
// Signature Version 4 needs the secret itself and not its hash, so no secret is stored: each is a
// keyed hash. The secret of an API key's credentials is derived from the key's hash, so it ends with
// the key. Temporary credentials consist of a sealed session token, which says whose they are and
// what they allow, and a secret that is derived from the token. Whoever has them has the rights that
// the session or the API key has at the time of the request, within the limits in the token.
package s3keys

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/secret"
)

// Issuer issues credentials and finds their holders.
type Issuer struct {
	Keys     *secret.Keeper
	Verifier *auth.Verifier
}

// Region is the region that clients name. It is the default of most of them.
const Region = "us-east-1"

// Credentials are what an S3 client is configured with.
type Credentials struct {
	AccessKeyID     string     `json:"access_key_id"`
	SecretAccessKey string     `json:"secret_access_key"`
	SessionToken    string     `json:"session_token,omitempty" doc:"Of temporary credentials: S3 clients send it with each request"`
	ExpiresAt       *time.Time `json:"expires_at,omitempty" doc:"Of temporary credentials; others end with their API key"`
}

// Limits restrict temporary credentials.
type Limits struct {
	DatasetID *uuid.UUID `json:"dataset_id,omitempty"` // nil: every data set of the holder
	ReadOnly  bool       `json:"read_only,omitempty"`
}

// Holder is whose credentials a request is signed with.
type Holder struct {
	auth.Caller
	Limits
}

// The beginnings of access keys. S3 clients take the first of them for temporary credentials.
const (
	temporaryPrefix = "ASIA"
	keyPrefix       = "AICK"
)

// hashBytes is how much of an API key's hash is in an access key, to tell the secrets of a key apart while
// it is being rotated.
const hashBytes = 4

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// OfAPIKey returns the credentials of an API key, which its holder presents.
func (i Issuer) OfAPIKey(caller auth.Caller, key string) Credentials {
	hash := auth.APIKeyHash(key)
	id := append(caller.SessionID[:], hash[:hashBytes]...)
	return Credentials{AccessKeyID: keyPrefix + base32Text.EncodeToString(id), SecretAccessKey: i.secretOfKey(caller.SessionID, hash)}
}

func (i Issuer) secretOfKey(id uuid.UUID, hash []byte) string {
	return base64.RawURLEncoding.EncodeToString(i.Keys.BlindIndex("s3 secret of API key", string(id[:])+string(hash)))
}

// MaxDuration is the longest time for which temporary credentials are valid.
const MaxDuration = time.Hour

// token is what a session token contains, sealed.
type token struct {
	Kind         auth.Kind `json:"kind"`
	Session      uuid.UUID `json:"session"` // or API key
	Organization uuid.UUID `json:"organization"`
	Expires      time.Time `json:"expires"`
	Limits
}

const tokenField = "s3.session_token"

// Temporary issues temporary credentials to a caller of this platform.
func (i Issuer) Temporary(caller auth.Caller, limits Limits, duration time.Duration) (Credentials, error) {
	if caller.SessionID == uuid.Nil {
		return Credentials{}, fault.New(fault.Forbidden, "The token of another issuer has no session here for which credentials could be issued: log in with POST /v1/users/login, or use an API key")
	}
	expires := time.Now().Add(min(duration, MaxDuration)).UTC().Truncate(time.Second)
	text, err := json.Marshal(token{Kind: caller.Kind, Session: caller.SessionID, Organization: caller.OrganizationID, Expires: expires, Limits: limits})
	if err != nil {
		return Credentials{}, fmt.Errorf("encode session token: %w", err)
	}
	sealed, err := secret.Seal(i.tokenKey(), tokenField, string(text))
	if err != nil {
		return Credentials{}, fmt.Errorf("seal session token: %w", err)
	}
	sessionToken := base64.RawURLEncoding.EncodeToString(sealed)
	return Credentials{AccessKeyID: i.accessOf(sessionToken), SecretAccessKey: i.secretOf(sessionToken), SessionToken: sessionToken, ExpiresAt: &expires}, nil
}

func (i Issuer) tokenKey() []byte { return i.Keys.BlindIndex("key of s3 session tokens", "") }

func (i Issuer) accessOf(sessionToken string) string {
	return temporaryPrefix + base32Text.EncodeToString(i.Keys.BlindIndex("s3 access key", sessionToken)[:10])
}

func (i Issuer) secretOf(sessionToken string) string {
	return base64.RawURLEncoding.EncodeToString(i.Keys.BlindIndex("s3 secret of session token", sessionToken))
}

// Errors of credentials. They are fault.Unauthenticated.
var (
	ErrUnknown = fault.New(fault.Unauthenticated, "There are no credentials with this access key, or they have ended: get new ones (/v1/datasets/s3/credentials)")
	ErrToken   = fault.New(fault.Unauthenticated, "The session token does not belong to this access key: configure all three values of the credentials")
	ErrExpired = fault.New(fault.Unauthenticated, "The credentials have expired: get new ones (POST /v1/datasets/s3/credentials)")
)

// Find returns the holder and the secret of credentials. The request is the holder's only if it is
// signed with the secret.
func (i Issuer) Find(ctx context.Context, accessKey, sessionToken string) (Holder, string, error) {
	if sessionToken != "" || strings.HasPrefix(accessKey, temporaryPrefix) {
		return i.temporary(ctx, accessKey, sessionToken)
	}
	id, start, ok := parse(accessKey)
	if !ok {
		return Holder{}, "", ErrUnknown
	}
	caller, hash, err := i.Verifier.KeyHolder(ctx, id, start)
	return Holder{Caller: caller}, i.secretOfKey(id, hash), err
}

// parse returns the identifier of the API key in an access key, and the start of its hash.
func parse(accessKey string) (id uuid.UUID, start []byte, ok bool) {
	text, ok := strings.CutPrefix(accessKey, keyPrefix)
	raw, err := base32Text.DecodeString(text)
	if !ok || err != nil || len(raw) != len(id)+hashBytes {
		return id, nil, false
	}
	return uuid.UUID(raw[:len(id)]), raw[len(id):], true
}

func (i Issuer) temporary(ctx context.Context, accessKey, sessionToken string) (h Holder, secretKey string, err error) {
	if accessKey != i.accessOf(sessionToken) {
		return h, "", ErrToken
	}
	sealed, err := base64.RawURLEncoding.DecodeString(sessionToken)
	if err != nil {
		return h, "", ErrToken
	}
	text, err := secret.Unseal(i.tokenKey(), tokenField, sealed)
	var t token
	if err != nil || json.Unmarshal([]byte(text), &t) != nil {
		return h, "", ErrToken
	}
	if time.Now().After(t.Expires) {
		return h, "", ErrExpired
	}
	if t.Kind == auth.Person {
		h.Caller, err = i.Verifier.Session(ctx, t.Session, t.Organization)
	} else {
		h.Caller, _, err = i.Verifier.KeyHolder(ctx, t.Session, nil)
	}
	h.Limits = t.Limits
	return h, i.secretOf(sessionToken), err
}
