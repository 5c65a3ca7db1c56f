package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"time"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/policy"
)

// An API key reads aic_<8 hexadecimal digits>_<48 characters of base64url>: a secret
// scanner finds it by its shape, and knows it from a random text by the last four of
// the 36 bytes, CRC-32 (IEEE) of all that stands before the second underscore and the
// 32 random bytes. The digits are the last of the key's identifier, so that a key
// found somewhere can be revoked by whoever must not know it.
const apiKeyPrefix = "aic_"

var apiKeyShape = regexp.MustCompile(`^aic_[0-9a-f]{8}_[A-Za-z0-9_-]{48}$`)

const (
	secretBytes   = 32
	checksumBytes = 4
)

// NewAPIKey makes the secret of an API key: 256 random bits. It is shown once, and
// stored by [APIKeyHash].
func NewAPIKey(id uuid.UUID) string {
	text := id.String()
	name := apiKeyPrefix + text[len(text)-8:]
	raw := make([]byte, secretBytes, secretBytes+checksumBytes)
	rand.Read(raw)
	return name + "_" + base64.RawURLEncoding.EncodeToString(append(raw, checksum(name, raw)...))
}

func checksum(name string, raw []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(append([]byte(name), raw...)))
}

// IsAPIKey tells whether a text is an API key of this platform, by its shape and its
// checksum: not whether the key is good.
func IsAPIKey(text string) bool {
	if !apiKeyShape.MatchString(text) {
		return false
	}
	name, secret := text[:len(apiKeyPrefix)+8], text[len(apiKeyPrefix)+9:]
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	return err == nil && string(checksum(name, raw[:secretBytes])) == string(raw[secretBytes:])
}

// APIKeyHash is how an API key is stored: it is random enough that a plain SHA-256
// protects it (OWASP Cryptographic Storage).
func APIKeyHash(key string) []byte {
	hash := hashOf(key)
	return hash[:]
}

// Keys that were never good here may be asked about by so few at once that a storm
// of invented ones leaves the database to those that are.
const (
	strangersAtOnce  = 2
	anonymousTimeout = time.Second
)

var (
	errKey  = fault.New(fault.Unauthenticated, "The API key is not valid. It may have expired or been revoked or rotated.")
	errBusy = fault.New(fault.Unavailable, "Too many unknown API keys are being checked. Try again in a moment.").After(time.Second)
)

// apiKey tells who holds an API key.
func (v *Verifier) apiKey(ctx context.Context, key string) (Caller, error) {
	if !IsAPIKey(key) {
		return Caller{}, errKey
	}
	return v.caller(ctx, who{kind: byAPIKey, id: hashOf(key)})
}

const selectAPIKey = `
SELECT id, owner_id, is_service_account, organization_id, scopes, waits_for, roles, permissions FROM published.api_keys WHERE hash = $1`

type apiKey struct {
	ID, OwnerID, OrganizationID uuid.UUID
	IsServiceAccount            bool
	Scopes, Permissions         []policy.Permission
	WaitsFor                    string
	Roles                       []string
}

func (v *Verifier) keyHolder(ctx context.Context, w who, known bool) (Caller, error) {
	if !known {
		ctx, cancel := context.WithTimeout(ctx, anonymousTimeout)
		defer cancel()
		select {
		case v.strangers <- struct{}{}:
			defer func() { <-v.strangers }()
		case <-ctx.Done():
			return Caller{}, errBusy
		}
	}
	k, err := database.One[apiKey](ctx, v.db, errKey, selectAPIKey, w.id[:])
	if err != nil {
		return Caller{}, err
	}
	v.uses.note(k.ID)
	kind := PersonsKey
	if k.IsServiceAccount {
		kind = ServiceAccount
	}
	return Caller{
		Kind: kind, UserID: k.OwnerID, SessionID: k.ID, OrganizationID: k.OrganizationID, Roles: k.Roles,
		Subject: policy.Subject{Roles: k.Roles, CustomPermissions: k.Permissions, Limited: true, Scopes: k.Scopes, BlockedBy: k.WaitsFor},
	}, nil
}
