package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/argon2"

	"function/functions/users/userstest"
	"function/shared/database"
	"function/shared/password"
	"function/shared/postgres"
	"function/shared/secret"
)

// fillAccounts adds accounts, each with an organization, a membership and a session, up to a total
// number. Their personal fields are random. Half of them have a password hash with earlier
// parameters.
const fillAccounts = `
WITH wanted AS (SELECT gen_random_uuid() AS u, gen_random_uuid() AS o, gen_random_uuid() AS s FROM generate_series(1, $1 - (SELECT count(*) FROM users))),
     organizations AS (INSERT INTO organizations (id, name) SELECT o, 'bench' FROM wanted),
     users AS (INSERT INTO users (id, email_index, wrapped_key, email, first_name, last_name, password_hash)
               SELECT u, sha256(uuid_send(u)), sha256(uuid_send(o)), sha256(uuid_send(s)), uuid_send(o), uuid_send(s), CASE WHEN random() < 0.5 THEN $2 ELSE $3 END FROM wanted),
     memberships AS (INSERT INTO memberships (user_id, organization_id, role, status) SELECT u, o, 'owner', 'active' FROM wanted)
INSERT INTO sessions (id, user_id, organization_id, expires_at) SELECT s, u, o, now() + interval '30 days' FROM wanted`

// fillProbes adds accounts with known addresses.
const fillProbes = `
WITH probes AS (SELECT gen_random_uuid() AS u, gen_random_uuid() AS o, i FROM unnest($1::bytea[]) i WHERE NOT EXISTS (SELECT FROM users WHERE email_index = i)),
     organizations AS (INSERT INTO organizations (id, name) SELECT o, 'bench' FROM probes),
     users AS (INSERT INTO users (id, email_index, wrapped_key, email, first_name, last_name, password_hash)
               SELECT u, i, i, i, i, i, CASE WHEN random() < 0.5 THEN $2 ELSE $3 END FROM probes)
INSERT INTO memberships (user_id, organization_id, role, status) SELECT u, o, 'owner', 'active' FROM probes`

func (s *site) fill(ctx context.Context, server *postgres.Server, accounts int) error {
	progress("%d accounts: filling the database", accounts)
	db, err := pgx.Connect(ctx, server.ConnString(string(database.Users)))
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	hash, err := newHash(ctx)
	if err != nil {
		return err
	}
	former, err := formerHash(ctx)
	if err != nil {
		return err
	}
	keys, err := s.keys()
	if err != nil {
		return err
	}
	keeper, err := secret.Open(ctx, "base64key://"+keys.KeyEncryptionKey, keys.BlindIndexKey)
	if err != nil {
		return err
	}
	indexes := make([][]byte, probes)
	for i := range indexes {
		indexes[i] = userstest.EmailIndex(keeper, probe(i))
	}
	if _, err := db.Exec(ctx, fillProbes, indexes, hash.stored, former); err != nil {
		return fmt.Errorf("fill probes: %w", err)
	}
	if _, err := db.Exec(ctx, fillAccounts, accounts, hash.stored, former); err != nil {
		return fmt.Errorf("fill accounts: %w", err)
	}
	_, err = db.Exec(ctx, `VACUUM ANALYZE`)
	return err
}

func probe(i int) string { return fmt.Sprintf("probe-%d@example.com", i) }

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
