package auth

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/fault"
)

// Session returns the holder of a session with its current rights, for credentials that were issued
// for the session. If the session has ended, or acts in another organization than the one given,
// the error is fault.Unauthenticated.
func (v *Verifier) Session(ctx context.Context, session, organization uuid.UUID) (Caller, error) {
	caller, err := v.caller(ctx, bySessionID(session))
	if err == nil && caller.OrganizationID != organization {
		err = errToken
	}
	if err != nil {
		return Caller{}, err
	}
	return caller, nil
}

const selectHashes = `SELECT hash FROM published.api_keys WHERE id = $1`

// KeyHolder returns the holder of an API key, with its current rights, and the key's hash, which begins
// with start. During a rotation, a key has two hashes.
func (v *Verifier) KeyHolder(ctx context.Context, id uuid.UUID, start []byte) (Caller, []byte, error) {
	name := string(id[:]) + string(start)
	if hash, ok := v.hashes.get(name); ok {
		caller, err := v.caller(ctx, who{kind: byAPIKey, id: hash})
		if f, isFault := fault.As(err); !isFault || f.Kind != fault.Unauthenticated {
			return caller, hash[:], err
		}
		v.hashes.drop(name)
	}
	hashes, err := v.keyHashes(ctx, id)
	if err != nil {
		return Caller{}, nil, err
	}
	for _, hash := range hashes {
		if bytes.HasPrefix(hash, start) {
			w := who{kind: byAPIKey, id: [32]byte(hash)}
			caller, err := v.caller(ctx, w)
			if err == nil {
				v.hashes.put(name, w.id)
			}
			return caller, hash, err
		}
	}
	return Caller{}, nil, errKey
}

// keyHashes looks up a key that was never seen valid here.
func (v *Verifier) keyHashes(ctx context.Context, id uuid.UUID) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, unknownKeyTimeout)
	defer cancel()
	select {
	case v.unknownKeys <- struct{}{}:
		defer func() { <-v.unknownKeys }()
	case <-ctx.Done():
		return nil, errBusy
	}
	rows, _ := v.db.Query(ctx, selectHashes, id)
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("look up API key: %w", err)
	}
	return hashes, nil
}
