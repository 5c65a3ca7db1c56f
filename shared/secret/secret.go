// Package secret implements envelope encryption of fields and files, and blind indexes that find a
// value without storing it. Every function that handles personal data or data sets uses it.
//
// A data key per person or data set version encrypts the data. The platform's key encryption key,
// which is in a key service (gocloud.dev/secrets), wraps the data keys. Destroying a wrapped data
// key destroys what it protects, except in backups that contain both, which must expire (GDPR
// Article 17).
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

// KeySize is the size of a data key in bytes: AES-256.
const KeySize = 32

// Keeper wraps data keys and computes blind indexes.
type Keeper struct {
	keeper    *secrets.Keeper
	previous  *secrets.Keeper // nil: none
	id        []byte
	unwrapped *expirable.LRU[string, []byte] // data keys, by their wrapped form
	indexKey  []byte
}

// A process unwraps a data key at most once a minute, however often it uses it, so that listing a
// hundred people repeatedly does not cost a hundred calls each time. After its wrapped form is
// erased, a key remains in memory for up to a minute, where nothing asks for it.
const (
	keysKept    = 4096
	keysKeptFor = time.Minute
)

// Open opens the key encryption key at a URL (base64key://… contains the key; the URL of a key
// service names it) and takes the key of the blind indexes: 32 bytes in standard base64.
func Open(ctx context.Context, url, indexKey string) (*Keeper, error) {
	index, err := base64.StdEncoding.DecodeString(indexKey)
	if err != nil || len(index) != KeySize {
		return nil, errors.New("BLIND_INDEX_KEY is not 32 bytes in base64")
	}
	keeper, err := secrets.OpenKeeper(ctx, url)
	if err != nil {
		return nil, errors.New("KEY_ENCRYPTION_KEY_URL does not open a key") // the cause may quote the key
	}
	k := &Keeper{keeper: keeper, unwrapped: expirable.NewLRU[string, []byte](keysKept, nil, keysKeptFor), indexKey: index}
	k.id = k.BlindIndex("key encryption key", url)
	return k, nil
}

// NewKey returns a new data key and its wrapped form for storage.
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
	key, _, err := k.decrypt(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	k.unwrapped.Add(string(wrapped), slices.Clone(key))
	return key, nil
}

// BlindIndex returns a keyed hash (HMAC-SHA256, 32 bytes) by which equal values can be found. The
// purpose keeps the indexes of different columns apart.
func (k *Keeper) BlindIndex(purpose, value string) []byte {
	mac := hmac.New(sha256.New, k.indexKey)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return mac.Sum(nil)
}

// Seal encrypts a field with AES-256-GCM and a random nonce (NIST SP 800-38D). The context, such as
// "users.email", is authenticated, so a sealed field cannot be moved to another column.
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

// Unsealer returns a function that reverses Seal for several fields under one key.
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
