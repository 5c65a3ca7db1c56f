package password

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"

	"function/shared/fault"
)

func hasher(t *testing.T, p Parameters) *Hasher {
	t.Helper()
	h, err := NewHasher(p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHash_OnlyThePasswordMatches(t *testing.T) {
	t.Parallel()
	h, ctx := hasher(t, OWASP), context.Background()
	phc, err := h.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(phc) {
		t.Errorf("%s is not a PHC string of OWASP's parameters", phc)
	}
	again, err := h.Hash(ctx, "correct horse")
	if err != nil || again == phc {
		t.Errorf("a second hash is the same: no salt (%v)", err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horse ": false, "Correct horse": false, "": false} {
		if ok, err := h.Verify(ctx, password, phc); err != nil || ok != want {
			t.Errorf("Verify(%q) = %t, %v, want %t", password, ok, err, want)
		}
	}
}

// Reused memory must not affect the hash.
func TestHash_EqualsXCryptoArgon2(t *testing.T) {
	t.Parallel()
	h, ctx := hasher(t, OWASP), context.Background()
	for _, password := range []string{"correct horse", "", strings.Repeat("x", 256), "correct horse"} {
		phc, err := h.Hash(ctx, password)
		if err != nil {
			t.Fatal(err)
		}
		_, salt, hash, err := decode(phc)
		if err != nil {
			t.Fatal(err)
		}
		if want := argon2.IDKey([]byte(password), salt, OWASP.Iterations, OWASP.Memory, OWASP.Parallelism, hashSize); !bytes.Equal(hash, want) {
			t.Errorf("the hash of %.20q is %x, want %x", password, hash, want)
		}
	}
}

func TestVerify_ComposedDifferently_Matches(t *testing.T) {
	t.Parallel()
	h, ctx := hasher(t, OWASP), context.Background()
	phc, err := h.Hash(ctx, "caf\u00e9 \ufb01ne")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(ctx, "cafe\u0301 fine", phc); err != nil || !ok {
		t.Errorf("Verify of the decomposed password = %t, %v", ok, err)
	}
}

// The example of the reference implementation (P-H-C/phc-winner-argon2, README).
func TestVerify_HashOfAnotherProgram_Matches(t *testing.T) {
	t.Parallel()
	phc := "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo"
	if ok, err := hasher(t, OWASP).Verify(context.Background(), "password", phc); err != nil || !ok {
		t.Errorf("Verify = %t, %v, want the reference's hash to fit", ok, err)
	}
}

func TestVerify_MissingAccount_IsFalse(t *testing.T) {
	t.Parallel()
	h := hasher(t, OWASP)
	for _, password := range []string{"", "x", strings.Repeat("x", 1000)} {
		if ok, err := h.Verify(context.Background(), password, ""); ok || err != nil {
			t.Errorf("Verify(%.10q) = %t, %v, want false", password, ok, err)
		}
	}
}

func TestVerify_DamagedHash_IsAnError(t *testing.T) {
	t.Parallel()
	h := hasher(t, OWASP)
	salt, hash := "c29tZXNhbHQ", strings.Repeat("A", 43)
	for _, phc := range []string{
		"x", "$", "$$$$$", "plain text password",
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + hash,
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + hash,
		"$argon2id$v=19$m=19456,t=4294967295,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=19456,t=2,p=256$" + salt + "$" + hash,
		"$argon2id$v=19$m=-1,t=2,p=1$" + salt + "$" + hash,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
		"$argon2id$v=19$m=19456,t=2,p=1$***$" + hash,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + strings.Repeat("A", 1<<20),
	} {
		if ok, err := h.Verify(context.Background(), "", phc); ok || err == nil || strings.Contains(err.Error(), salt) {
			t.Errorf("Verify with %.60q = %t, %v, want an error without the hash", phc, ok, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo")
	f.Fuzz(func(t *testing.T, phc string) {
		p, _, hash, err := decode(phc)
		if err == nil && (p.Memory > maxMemory || p.Iterations == 0 || p.Parallelism == 0 || len(hash) < minHashSize) {
			t.Errorf("accepts %+v with a hash of %d bytes", p, len(hash))
		}
	})
}

func TestHash_QueueFull_IsUnavailable(t *testing.T) {
	t.Parallel()
	h := hasher(t, OWASP)
	h.running, h.queued = make(chan struct{}, 1), make(chan struct{}, 2)
	h.running <- struct{}{} // a hash is running
	h.queued <- struct{}{}
	waiting := make(chan error)
	go func() { // another one waits
		_, err := h.Hash(context.Background(), "waits")
		waiting <- err
	}()
	for len(h.queued) < cap(h.queued) {
		select {
		case err := <-waiting:
			t.Fatal("did not wait: ", err)
		default:
		}
	}

	_, err := h.Hash(context.Background(), "too many")
	if e, ok := fault.As(err); !ok || e.Kind != fault.Unavailable || e.RetryAfter <= 0 {
		t.Errorf("error %v of a full queue, want fault.Unavailable with a time to retry", err)
	}
	<-h.running
	<-h.queued
	if err := <-waiting; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	if len(h.running)+len(h.queued) != 0 {
		t.Errorf("%d slots are held by nobody", len(h.running)+len(h.queued))
	}
}

func TestHash_RequestCancelled_StopsWaiting(t *testing.T) {
	t.Parallel()
	h := &Hasher{running: make(chan struct{}), queued: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the request's end", err)
	}
	if len(h.queued) != 0 {
		t.Error("the place in the queue is held by nobody")
	}
}

func TestNewHasher_ParametersOutOfRange_AreRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []Parameters{
		{}, {19 * 1024, 1, 1}, {7*1024 - 1, 16, 1}, {8, 2, 1}, {19 * 1024, 2, 0},
		{256*1024 + 1, 2, 1}, {19 * 1024, 17, 1}, {19 * 1024, 2, 17}, {1 << 31, 1 << 31, 1},
	} {
		if _, err := NewHasher(p); err == nil {
			t.Errorf("NewHasher(%+v) is accepted", p)
		}
	}
	for _, p := range []Parameters{OWASP, {46 * 1024, 1, 1}, {12 * 1024, 3, 1}, {9 * 1024, 4, 1}, {7 * 1024, 5, 1}, {64 * 1024, 3, 4}} {
		if _, err := NewHasher(p); err != nil {
			t.Errorf("NewHasher(%+v): %v", p, err)
		}
	}
}

func TestVerify_OtherParameters_MatchesAndIsOutdated(t *testing.T) {
	t.Parallel()
	old, now, ctx := hasher(t, Parameters{7 * 1024, 5, 1}), hasher(t, OWASP), context.Background()
	phc, err := old.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := now.Verify(ctx, "correct horse", phc); err != nil || !ok {
		t.Errorf("Verify = %t, %v, want the old hash to fit", ok, err)
	}
	if old.Outdated(phc) || !now.Outdated(phc) || now.Outdated("") || now.Outdated("damaged") {
		t.Error("only the hash of other parameters is outdated")
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(now.decoy, want) {
		t.Errorf("the decoy %s does not cost what a hash of today does", now.decoy)
	}
}
