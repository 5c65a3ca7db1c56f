package main

import (
	"context"
	"errors"

	"golang.org/x/crypto/argon2"

	"function/shared/password"
)

// hash computes the password hash of a login in this process.
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

// formerHash returns a hash with earlier parameters, which takes twice as long.
func formerHash(ctx context.Context) (string, error) {
	p := password.OWASP
	p.Iterations *= 2
	hasher, err := password.NewHasher(p)
	if err != nil {
		return "", err
	}
	return hasher.Hash(ctx, anyPassword)
}

func (h *hash) verify(ctx context.Context) error {
	ok, err := h.hasher.Verify(ctx, anyPassword, h.stored)
	if err == nil && !ok {
		err = errors.New("the password does not fit its hash")
	}
	return err
}

// bare computes a hash with the same parameters with golang.org/x/crypto, which Go programs
// commonly use. It allocates new memory for each hash.
func bare() error {
	p := password.OWASP
	argon2.IDKey([]byte(anyPassword), make([]byte, password.SaltSize), p.Iterations, p.Memory, p.Parallelism, 32)
	return nil
}
