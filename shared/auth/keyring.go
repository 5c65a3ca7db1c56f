package auth

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// How long keys are cached. After keysTTL they are read again; while that is in progress or
// fails, they remain valid for as long again. Unknown key identifiers, which anyone can invent, and
// unavailable issuers cause at most one read per keysRetryInterval.
const (
	keysTTL           = 10 * time.Minute
	keysRetryInterval = time.Second
	keysTimeout       = 10 * time.Second
)

// keys are an issuer's public keys by `kid`. They are immutable.
type keys struct{ byID map[string]jose.JSONWebKey }

// keyring caches the keys of one issuer.
type keyring struct {
	read    func(context.Context) (map[string]jose.JSONWebKey, error)
	reading singleflight.Group

	mu      sync.RWMutex
	keys    *keys // replaced only if the keys differ
	readAt  time.Time
	askedAt time.Time
	failure error // of the latest read
}

func newKeyring(read func(context.Context) (map[string]jose.JSONWebKey, error)) *keyring {
	return &keyring{read: read, keys: &keys{}}
}

// holds reports whether k is still the issuer's current, cached key set.
func (r *keyring) holds(k *keys) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys == k && time.Since(r.readAt) < keysTTL
}

// find returns the key with an identifier and the key set that contains it.
func (r *keyring) find(ctx context.Context, kid string) (jose.JSONWebKey, *keys, error) {
	r.mu.RLock()
	held, age, pause, failure := r.keys, time.Since(r.readAt), time.Since(r.askedAt), r.failure
	r.mu.RUnlock()
	key, known := held.byID[kid]
	ask := func() (any, error) { return r.refresh(context.WithoutCancel(ctx)) }
	switch {
	case known && age < keysTTL:
		return key, held, nil
	case known && age < 2*keysTTL:
		if pause >= keysRetryInterval {
			r.reading.DoChan("keys", ask)
		}
		return key, held, nil
	case pause < keysRetryInterval && failure != nil:
		return key, nil, failure
	case pause < keysRetryInterval:
		return key, nil, errToken
	}
	answer, err, _ := r.reading.Do("keys", ask)
	if err != nil {
		return key, nil, err
	}
	held = answer.(*keys)
	if key, known = held.byID[kid]; !known {
		return key, nil, errToken
	}
	return key, held, nil
}

// refresh reads the keys for all waiting requests, so it outlives the request that started it.
func (r *keyring) refresh(ctx context.Context) (*keys, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	byID, err := r.read(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.askedAt, r.failure = time.Now(), err
	if err != nil {
		return nil, err
	}
	if r.readAt = r.askedAt; !reflect.DeepEqual(byID, r.keys.byID) {
		r.keys = &keys{byID}
	}
	return r.keys, nil
}
