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

// An API key has the form aic_<8 hex digits>_<48 characters of base64url>, so that secret scanners
// can find it. The 36 bytes are 32 random bytes and a CRC-32 (IEEE) of everything before the second
// underscore and the random bytes; the checksum tells a key from random text. The hex digits are
// the last ones of the key's identifier, so that a leaked key can be revoked without quoting the
// secret.
const apiKeyPrefix = "aic_"

var apiKeyShape = regexp.MustCompile(`^aic_[0-9a-f]{8}_[A-Za-z0-9_-]{48}$`)

const (
	secretBytes   = 32
	checksumBytes = 4
)

// NewAPIKey returns a new API key secret of 256 random bits. It is shown once and stored as its
// [APIKeyHash].
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

// IsAPIKey reports whether a text has the form and checksum of an API key. It does not check
// whether the key is valid.
func IsAPIKey(text string) bool {
	if !apiKeyShape.MatchString(text) {
		return false
	}
	name, secret := text[:len(apiKeyPrefix)+8], text[len(apiKeyPrefix)+9:]
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	return err == nil && string(checksum(name, raw[:secretBytes])) == string(raw[secretBytes:])
}

// APIKeyHash returns the hash by which an API key is stored. The key is random enough for plain
// SHA-256 (OWASP Cryptographic Storage).
func APIKeyHash(key string) []byte {
	hash := hashOf(key)
	return hash[:]
}

// maxUnknownKeyLookups limits concurrent lookups of API keys that were never seen valid here, so
// that a flood of invented keys leaves the database to valid ones. unknownKeyTimeout limits each,
// including the wait.
const (
	maxUnknownKeyLookups = 2
	unknownKeyTimeout    = time.Second
)

var (
	errKey  = fault.New(fault.Unauthenticated, "The API key is not valid. It may have expired or been revoked or rotated.")
	errBusy = fault.New(fault.Unavailable, "Too many unknown API keys are being checked. Try again in a moment.").After(time.Second)
)

// apiKey returns the holder of an API key.
func (v *Verifier) apiKey(ctx context.Context, key string) (Caller, error) {
	if !IsAPIKey(key) {
		return Caller{}, errKey
	}
	return v.caller(ctx, who{kind: byAPIKey, id: hashOf(key)})
}

const selectAPIKey = `
SELECT id, owner_id, is_service_account, organization_id, scopes, waits_for, roles, permissions, teams FROM published.api_keys WHERE hash = $1`

type apiKey struct {
	ID, OwnerID, OrganizationID uuid.UUID
	IsServiceAccount            bool
	Scopes, Permissions         []policy.Permission
	WaitsFor                    string
	Roles                       []string
	Teams                       []uuid.UUID
}

func (v *Verifier) keyHolder(ctx context.Context, w who, known bool) (Caller, error) {
	if !known {
		ctx, cancel := context.WithTimeout(ctx, unknownKeyTimeout)
		defer cancel()
		select {
		case v.unknownKeys <- struct{}{}:
			defer func() { <-v.unknownKeys }()
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
		Kind: kind, UserID: k.OwnerID, SessionID: k.ID, OrganizationID: k.OrganizationID, Roles: k.Roles, Teams: k.Teams,
		Subject: policy.Subject{Roles: k.Roles, CustomPermissions: k.Permissions, Limited: true, Scopes: k.Scopes, BlockedBy: k.WaitsFor},
	}, nil
}
