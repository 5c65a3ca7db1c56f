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
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

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

// What is accepted of a stored hash: OWASP's and RFC 9106's parameters lie within,
// and a damaged row asks for no more memory or time than this.
const (
	maxMemory     = 256 * 1024 // KiB
	maxIterations = 16
	minHashSize   = 16
	maxHashSize   = 64
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
	// The same characters typed on another keyboard may arrive composed otherwise
	// (NIST SP 800-63B §3.1.1.2: NFKC).
	return argon2.IDKey(norm.NFKC.Bytes([]byte(password)), salt, p.iterations, p.memory, p.parallelism, size), nil
}

type params struct {
	memory, iterations uint32
	parallelism        uint8
}

func encode(salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, iterations, parallelism, b64(salt), b64(hash))
}

var errNotPHC = errors.New("parse password hash: not an Argon2id PHC string within the accepted parameters")

// decode reads a PHC string. Its errors never hold a part of it.
func decode(phc string) (p params, salt, hash []byte, err error) {
	fields := strings.Split(phc, "$")
	if len(fields) != 6 || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errNotPHC
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.iterations, &p.parallelism); err != nil {
		return p, nil, nil, errNotPHC
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(fields[4])
	hash, hashErr := base64.RawStdEncoding.DecodeString(fields[5])
	if saltErr != nil || hashErr != nil || !p.accepted() || len(hash) < minHashSize || len(hash) > maxHashSize {
		return p, nil, nil, errNotPHC
	}
	return p, salt, hash, nil
}

func (p params) accepted() bool {
	return p.memory <= maxMemory && p.iterations >= 1 && p.iterations <= maxIterations && p.parallelism >= 1
}
