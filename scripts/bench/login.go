package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"function/shared/password"
)

const (
	logins   = 200
	profiles = 2000
)

// login measures a login in turns with the hash alone, which is computed in this
// process, and then profile reads.
func (b *bench) login(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	hash, err := newHash(ctx)
	if err != nil {
		return err
	}
	var whole, hashed []duration
	for range logins {
		w, err := timed(func() error { return b.user.login(ctx) })
		if err != nil {
			return err
		}
		h, err := hash.verify(ctx)
		if err != nil {
			return err
		}
		whole, hashed = append(whole, w), append(hashed, h)
	}
	rest := median(whole) - median(hashed)
	progress("login %s, hash alone %s", median(whole), median(hashed))

	var reads []duration
	for range profiles {
		t, err := timed(func() error { return b.user.call(ctx, http.MethodGet, "/v1/users/profile", nil, nil) })
		if err != nil {
			return err
		}
		reads = append(reads, t)
	}
	atMost(&b.table, "login without the password hash", rest, duration(3*time.Millisecond))
	part(&b.table, "password hash alone", median(hashed), median(whole))
	atMost(&b.table, "profile read", median(reads), duration(1500*time.Microsecond))
	return nil
}

// hash is the password hash of a login, computed in this process.
type hash struct {
	hasher *password.Hasher
	stored string
}

const anyPassword = "correct horse battery"

func newHash(ctx context.Context) (*hash, error) {
	hasher, err := password.NewHasher(password.OWASP)
	if err != nil {
		return nil, err
	}
	stored, err := hasher.Hash(ctx, anyPassword)
	return &hash{hasher: hasher, stored: stored}, err
}

func (h *hash) verify(ctx context.Context) (duration, error) {
	return timed(func() error {
		ok, err := h.hasher.Verify(ctx, anyPassword, h.stored)
		if err == nil && !ok {
			err = errors.New("the password does not fit its hash")
		}
		return err
	})
}
