// Package password judges new passwords (NIST SP 800-63B-4 §3.1.1.2) whenever a
// person chooses one, and hashes and checks them with Argon2id (RFC 9106), behind a
// bulkhead: hashing is memory and processor on purpose, so only a few run at once
// and a storm is told to come back later instead of starving everything else in
// the process.
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

// SaltSize is the bytes of a salt (RFC 9106 §3.1).
const SaltSize = 16

const hashSize = 32

// Parameters are the costs of one hash.
type Parameters struct {
	Memory      uint32 // KiB, for each hash that runs
	Iterations  uint32
	Parallelism uint8
}

// OWASP are the parameters of its Password Storage Cheat Sheet: 19 MiB, twice.
var OWASP = Parameters{Memory: 19 * 1024, Iterations: 2, Parallelism: 1}

// The weakest of OWASP's alternatives is 7 MiB, five times.
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

// What is accepted of a stored hash: OWASP's and RFC 9106's parameters lie within,
// and a damaged row asks for no more memory or time than this.
const (
	maxMemory      = 256 * 1024 // KiB
	maxIterations  = 16
	maxParallelism = 16
	minHashSize    = 16
	maxHashSize    = 64
)

// derivation is Argon2id with some parameters, of a password, a salt, a secret and data,
// of which the last two are not used here.
type derivation func(password, salt, secret, data []byte, size uint32) []byte

// Hasher hashes a bounded number of passwords at once.
type Hasher struct {
	parameters Parameters
	running    chan struct{} // a slot for each hash that runs
	queued     chan struct{} // a slot for each that runs or waits
	decoy      string
	fresh      derivation // with today's parameters, in memory that is used again

	Waited  metrics.Tally // hashes that found every slot taken, and got one
	Refused metrics.Tally // hashes that found the queue full
}

// NewHasher lets as many hashes run as there are processors, and thirty-two times as
// many wait: about a second's worth at OWASP's parameters. Weaker parameters than
// OWASP's weakest are an error.
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

// Hash makes the PHC string of a password. A full queue is fault.Unavailable.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, SaltSize)
	rand.Read(salt)
	return h.HashSalted(ctx, password, salt)
}

// HashSalted is Hash with a salt of [SaltSize] bytes that no other account has: one that
// is made again for the same account lets [Hasher.Find] look through many hashes at the
// price of one.
func (h *Hasher) HashSalted(ctx context.Context, password string, salt []byte) (string, error) {
	key, err := h.derive(ctx, password, h.parameters, salt, hashSize)
	if err != nil {
		return "", err
	}
	return encode(h.parameters, salt, key), nil
}

// Outdated tells whether a PHC string was made with other parameters than those of
// today: the next login that proves the password makes it anew.
func (h *Hasher) Outdated(phc string) bool {
	p, salt, hash, err := decode(phc)
	return err == nil && (p != h.parameters || len(salt) != SaltSize || len(hash) != hashSize)
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

// saltsTried is how many hashes Find makes at the most.
const saltsTried = 4

// Find is the place of the first of some PHC strings that a password belongs to, -1 if it
// belongs to none. Those with one salt and the same parameters cost one hash together; of
// others than the first few salts nothing is tried.
func (h *Hasher) Find(ctx context.Context, password string, phcs []string) (int, error) {
	derived := map[string]string{} // PHC strings of the password, by what comes before the hash
	for i, phc := range phcs {
		p, salt, hash, err := decode(phc)
		if err != nil {
			return -1, err
		}
		setting := phc[:strings.LastIndexByte(phc, '$')]
		got, known := derived[setting]
		if !known && len(derived) == saltsTried {
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
	// The same characters typed on another keyboard may arrive composed otherwise
	// (NIST SP 800-63B §3.1.1.2: NFKC).
	normal := norm.NFKC.Bytes([]byte(password))
	if p == h.parameters {
		return h.fresh(normal, salt, nil, nil, size), nil
	}
	return argon2.IDKey(normal, salt, p.Iterations, p.Memory, p.Parallelism, size), nil
}

// run takes one of the slots of hashes that run.
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

// decode reads a PHC string. Its errors never hold a part of it.
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
