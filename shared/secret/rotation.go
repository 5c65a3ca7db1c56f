package secret

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/secrets"
)

// AlsoUnwrap lets the keeper unwrap what the previous key encryption key has wrapped. Call it before
// the keeper is used.
func (k *Keeper) AlsoUnwrap(ctx context.Context, previousURL string) error {
	keeper, err := secrets.OpenKeeper(ctx, previousURL)
	if err != nil {
		return errors.New("PREVIOUS_KEY_ENCRYPTION_KEY_URL does not open a key") // the cause may quote the key
	}
	k.previous = keeper
	return nil
}

// Rotating reports whether there is a previous key encryption key.
func (k *Keeper) Rotating() bool { return k.previous != nil }

// ID identifies the key encryption key, by a keyed hash of its URL.
func (k *Keeper) ID() []byte { return k.id }

// Rewrap returns the data key wrapped by the current key encryption key: the argument itself if
// that key has wrapped it.
func (k *Keeper) Rewrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	key, current, err := k.decrypt(ctx, wrapped)
	if err != nil || current {
		return wrapped, err
	}
	return k.Wrap(ctx, key)
}

// decrypt unwraps a data key. current reports whether the current key encryption key did.
func (k *Keeper) decrypt(ctx context.Context, wrapped []byte) (key []byte, current bool, err error) {
	if key, err = k.keeper.Decrypt(ctx, wrapped); err == nil {
		return key, true, nil
	}
	if k.previous != nil {
		key, errPrevious := k.previous.Decrypt(ctx, wrapped)
		if errPrevious == nil {
			return key, false, nil
		}
		err = errors.Join(err, errPrevious)
	}
	return nil, false, fmt.Errorf("unwrap key: %w", err)
}
