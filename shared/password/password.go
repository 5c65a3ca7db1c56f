// Package password checks new passwords (NIST SP 800-63B-4 §3.1.1.2), and hashes and verifies
// passwords with Argon2id (RFC 9106). Hashing is expensive in memory and CPU by design, so only a
// few hashes run at once; under a flood, callers are told to retry later rather than starving the
// rest of the process.
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

	"github.com/minio/argon2"
	"golang.org/x/text/unicode/norm"

	"function/shared/fault"
	"function/shared/metrics"
)

// SaltSize is the size of a salt in bytes (RFC 9106 §3.1).
const SaltSize = 16

const hashSize = 32

// Parameters are the cost parameters of a hash.
type Parameters struct {
	Memory      uint32 // KiB per running hash
	Iterations  uint32
	Parallelism uint8
}

// OWASP holds the parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 iterations.
var OWASP = Parameters{Memory: 19 * 1024, Iterations: 2, Parallelism: 1}

// OWASP's weakest alternative is 7 MiB with 5 iterations.
const (
	minMemory = 7 * 1024     // KiB
	minWork   = 5 * 7 * 1024 // KiB times iterations
)

func (p Parameters) validate() error {
	if p.Memory < minMemory || uint64(p.Memory)*uint64(p.Iterations) < minWork {
		return fmt.Errorf("Argon2id with %d KiB and %d iterations is weaker than OWASP's weakest parameters, %d KiB and 5 iterations", p.Memory, p.Iterations, minMemory)
	}
	if !p.accepted() {
		return fmt.Errorf("Argon2id with more than %d KiB, %d iterations or %d lanes, or with none, is not supported", maxMemory, maxIterations, maxParallelism)
	}
	return nil
}

// Limits on the parameters of a stored hash. OWASP's and RFC 9106's parameters are within them, and
// a damaged row cannot demand more memory or time.
const (
	maxMemory      = 256 * 1024 // KiB
	maxIterations  = 16
	maxParallelism = 16
	minHashSize    = 16
	maxHashSize    = 64
)

// derivation is Argon2id with fixed parameters. Its arguments secret and data are unused here.
type derivation func(password, salt, secret, data []byte, size uint32) []byte

// Hasher hashes a limited number of passwords at once.
type Hasher struct {
	parameters Parameters
	running    chan struct{} // a slot for each hash that runs
	queued     chan struct{} // a slot for each that runs or waits
	decoy      string
	fresh      derivation // with the current parameters, reusing memory

	Waited  metrics.Tally // hashes that had to wait for a slot
	Refused metrics.Tally // hashes refused because the queue was full
}

// NewHasher returns a hasher that runs as many hashes as there are processors and lets 32 times as
// many wait, about a second's worth with OWASP's parameters. Parameters below OWASP's weakest are
// an error.
func NewHasher(p Parameters) (*Hasher, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	n := runtime.GOMAXPROCS(0)
	h := &Hasher{parameters: p, running: make(chan struct{}, n), queued: make(chan struct{}, 32*n)}
	h.fresh = argon2.NewIDKey(p.Iterations, p.Memory, p.Parallelism)
	h.decoy = encode(p, make([]byte, SaltSize), make([]byte, hashSize))
	return h, nil
}

// Hash returns the PHC string of a password. A full queue is fault.Unavailable.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, SaltSize)
	rand.Read(salt)
	return h.HashSalted(ctx, password, salt)
}

// HashSalted is like Hash with a given salt of [SaltSize] bytes that no other account uses. If all
// hashes of an account share a salt, [Hasher.Find] can compare a password with them at the cost of
// one hash.
func (h *Hasher) HashSalted(ctx context.Context, password string, salt []byte) (string, error) {
	key, err := h.derive(ctx, password, h.parameters, salt, hashSize)
	if err != nil {
		return "", err
	}
	return encode(h.parameters, salt, key), nil
}

// Outdated reports whether a PHC string has parameters other than the current ones, so that the
// next successful login should replace it.
func (h *Hasher) Outdated(phc string) bool {
	p, salt, hash, err := decode(phc)
	return err == nil && (p != h.parameters || len(salt) != SaltSize || len(hash) != hashSize)
}

// Verify reports whether the password matches the PHC string. An empty string stands for an account
// that does not exist: the result is false and takes as long, so that timing does not reveal which
// addresses have an account.
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

// maxSalts is the maximum number of hashes that Find computes.
const maxSalts = 4

// Find returns the index of the first PHC string that the password matches, or -1. PHC strings with
// the same salt and parameters cost one hash together. Only the first few salts are tried.
func (h *Hasher) Find(ctx context.Context, password string, phcs []string) (int, error) {
	derived := map[string]string{} // the password's PHC strings, keyed by the part before the hash
	for i, phc := range phcs {
		p, salt, hash, err := decode(phc)
		if err != nil {
			return -1, err
		}
		setting := phc[:strings.LastIndexByte(phc, '$')]
		got, known := derived[setting]
		if !known && len(derived) == maxSalts {
			continue
		}
		if !known {
			key, err := h.derive(ctx, password, p, salt, uint32(len(hash)))
			if err != nil {
				return -1, err
			}
			got = encode(p, salt, key)
			derived[setting] = got
		}
		if subtle.ConstantTimeCompare([]byte(got), []byte(phc)) == 1 {
			return i, nil
		}
	}
	return -1, nil
}

func (h *Hasher) derive(ctx context.Context, password string, p Parameters, salt []byte, size uint32) ([]byte, error) {
	select {
	case h.queued <- struct{}{}:
		defer func() { <-h.queued }()
	default:
		h.Refused.Inc()
		return nil, fault.New(fault.Unavailable, "Too many people are logging in at once. Try again in a second.").After(time.Second)
	}
	if err := h.run(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.running }()
	// Different keyboards may compose the same characters differently, so passwords are normalized
	// (NIST SP 800-63B §3.1.1.2: NFKC).
	normal := norm.NFKC.Bytes([]byte(password))
	if p == h.parameters {
		return h.fresh(normal, salt, nil, nil, size), nil
	}
	return argon2.IDKey(normal, salt, p.Iterations, p.Memory, p.Parallelism, size), nil
}

// run waits for a slot to run a hash.
func (h *Hasher) run(ctx context.Context) error {
	select {
	case h.running <- struct{}{}:
		return nil
	default:
	}
	select {
	case h.running <- struct{}{}:
		h.Waited.Inc()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
}

func encode(p Parameters, salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Iterations, p.Parallelism, b64(salt), b64(hash))
}

var errNotPHC = errors.New("parse password hash: not an Argon2id PHC string within the accepted parameters")

// decode parses a PHC string. Its errors never contain parts of it.
func decode(phc string) (p Parameters, salt, hash []byte, err error) {
	fields := strings.Split(phc, "$")
	if len(fields) != 6 || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errNotPHC
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Iterations, &p.Parallelism); err != nil {
		return p, nil, nil, errNotPHC
	}
	salt, saltErr := base64.RawStdEncoding.DecodeString(fields[4])
	hash, hashErr := base64.RawStdEncoding.DecodeString(fields[5])
	if saltErr != nil || hashErr != nil || !p.accepted() || len(hash) < minHashSize || len(hash) > maxHashSize {
		return p, nil, nil, errNotPHC
	}
	return p, salt, hash, nil
}

func (p Parameters) accepted() bool {
	return p.Memory <= maxMemory && p.Iterations >= 1 && p.Iterations <= maxIterations && p.Parallelism >= 1 && p.Parallelism <= maxParallelism
}
