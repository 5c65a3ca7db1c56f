// Package password hashes and checks passwords with Argon2id (RFC 9106) at
// OWASP's parameters, behind a bulkhead: hashing is memory and processor on
// purpose, so only a few run at once and a storm is told to come back later
// instead of starving everything else in the process.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"function/shared/fault"
)

// OWASP Password Storage Cheat Sheet: m=19456 (19 MiB), t=2, p=1.
const (
	memory      = 19 * 1024 // KiB
	iterations  = 2
	parallelism = 1
	saltSize    = 16
	hashSize    = 32
)

// MinLength and MaxLength bound a password in bytes (NIST SP 800-63B §3.1.1.2:
// at least 8; the upper bound only keeps the hash's input sane).
const (
	MinLength = 8
	MaxLength = 256
)

// Hasher hashes a bounded number of passwords at once.
type Hasher struct {
	running chan struct{} // a slot for each hash that runs
	queued  chan struct{} // a slot for each that runs or waits
	decoy   string
}

// NewHasher lets as many hashes run as there are processors, and thirty-two times as
// many wait: about a second's worth.
func NewHasher() *Hasher {
	n := runtime.GOMAXPROCS(0)
	h := &Hasher{running: make(chan struct{}, n), queued: make(chan struct{}, 32*n)}
	h.decoy = encode(make([]byte, saltSize), make([]byte, hashSize))
	return h
}

// Hash makes the PHC string of a password. A full queue is fault.Unavailable.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	key, err := h.derive(ctx, password, params{memory, iterations, parallelism}, salt, hashSize)
	if err != nil {
		return "", err
	}
	return encode(salt, key), nil
}

// Verify tells whether the password belongs to the PHC string. An empty string
// stands for an account that does not exist: it takes as long, and is false, so
// that time does not tell which addresses have an account.
func (h *Hasher) Verify(ctx context.Context, password, phc string) (bool, error) {
	missing := phc == ""
	if missing {
		phc = h.decoy
	}
	p, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	got, err := h.derive(ctx, password, p, salt, uint32(len(want)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && !missing, nil
}

func (h *Hasher) derive(ctx context.Context, password string, p params, salt []byte, size uint32) ([]byte, error) {
	select {
	case h.queued <- struct{}{}:
		defer func() { <-h.queued }()
	default:
		return nil, fault.New(fault.Unavailable, "Too many people are logging in at once; try again in a second").After(time.Second)
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	return argon2.IDKey([]byte(password), salt, p.iterations, p.memory, p.parallelism, size), nil
}

type params struct {
	memory, iterations uint32
	parallelism        uint8
}

func encode(salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, iterations, parallelism, b64(salt), b64(hash))
}

func decode(phc string) (p params, salt, hash []byte, err error) {
	fields := strings.Split(phc, "$")
	if len(fields) != 6 || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, fmt.Errorf("parse password hash: not an Argon2id PHC string")
	}
	if _, err = fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.iterations, &p.parallelism); err != nil {
		return p, nil, nil, fmt.Errorf("parse password hash parameters: %w", err)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		return p, nil, nil, fmt.Errorf("parse password hash salt: %w", err)
	}
	if hash, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil {
		return p, nil, nil, fmt.Errorf("parse password hash: %w", err)
	}
	return p, salt, hash, nil
}
