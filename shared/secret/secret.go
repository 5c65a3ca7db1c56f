// Package secret keeps what must not be read from a disk: envelope encryption of
// fields and files, and blind indexes that find a value without storing it. Every
// function that touches personal data or data sets uses it.
//
// Two layers: a data key per person or data set version encrypts the data; the
// platform's key encryption key wraps data keys and lives in a key service
// (gocloud.dev/secrets). Destroying a wrapped data key destroys what it protects,
// wherever the key is not kept: a backup that holds both must expire (GDPR Article 17).
package secret

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/localsecrets" // base64key://
)

// KeySize is the bytes of a data key: AES-256.
const KeySize = 32

// Keeper wraps data keys, and computes blind indexes.
type Keeper struct {
	keeper    *secrets.Keeper
	unwrapped *expirable.LRU[string, []byte] // data keys, by their wrapped form
	indexKey  []byte
}

// A process asks the key service about a data key once a minute, however often it uses it:
// who lists a hundred people waits for a hundred answers once. So a key outlives the erasure
// of its wrapped form by a minute at the most, in memory, where nothing asks for it any more.
const (
	keysKept    = 4096
	keysKeptFor = time.Minute
)

// Open opens the key encryption key by its URL (base64key://… holds it in the
// URL; a key service's URL names it) and the key of the blind indexes: 32 bytes,
// standard base64.
func Open(ctx context.Context, url, indexKey string) (*Keeper, error) {
	index, err := base64.StdEncoding.DecodeString(indexKey)
	if err != nil || len(index) != KeySize {
		return nil, errors.New("BLIND_INDEX_KEY is not 32 bytes in base64")
	}
	keeper, err := secrets.OpenKeeper(ctx, url)
	if err != nil {
		return nil, errors.New("KEY_ENCRYPTION_KEY_URL does not open a key") // the cause may quote the key
	}
	return &Keeper{keeper: keeper, unwrapped: expirable.NewLRU[string, []byte](keysKept, nil, keysKeptFor), indexKey: index}, nil
}

// NewKey makes a data key, and its wrapped form for storage.
func (k *Keeper) NewKey(ctx context.Context) (key, wrapped []byte, err error) {
	key = make([]byte, KeySize)
	rand.Read(key)
	wrapped, err = k.Wrap(ctx, key)
	return key, wrapped, err
}

// Wrap encrypts a small secret, such as a data key, under the platform's key.
func (k *Keeper) Wrap(ctx context.Context, key []byte) ([]byte, error) {
	wrapped, err := k.keeper.Encrypt(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("wrap key: %w", err)
	}
	return wrapped, nil
}

// Unwrap reverses Wrap.
func (k *Keeper) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if key, ok := k.unwrapped.Get(string(wrapped)); ok {
		return slices.Clone(key), nil
	}
	key, err := k.keeper.Decrypt(ctx, wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap key: %w", err)
	}
	k.unwrapped.Add(string(wrapped), slices.Clone(key))
	return key, nil
}

// BlindIndex is a keyed fingerprint (HMAC-SHA256, 32 bytes) by which an equal
// value is found. The purpose keeps the indexes of different columns apart.
func (k *Keeper) BlindIndex(purpose, value string) []byte {
	mac := hmac.New(sha256.New, k.indexKey)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// Seal encrypts a field with AES-256-GCM under a random nonce (NIST SP 800-38D).
// The context, such as "users.email", is authenticated: a sealed field moved to
// another column does not open.
func Seal(key []byte, context, plaintext string) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(plaintext), []byte(context)), nil
}

// Unseal reverses Seal.
func Unseal(key []byte, context string, sealed []byte) (string, error) {
	unseal, err := Unsealer(key)
	if err != nil {
		return "", err
	}
	return unseal(context, sealed)
}

// Unsealer reverses Seal for several fields of one key.
func Unsealer(key []byte) (func(context string, sealed []byte) (string, error), error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return func(context string, sealed []byte) (string, error) {
		plaintext, err := aead.Open(nil, nil, sealed, []byte(context))
		if err != nil {
			return "", fmt.Errorf("unseal %s: %w", context, err)
		}
		return string(plaintext), nil
	}, nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("data key of %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
