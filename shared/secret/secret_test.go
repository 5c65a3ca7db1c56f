package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
)

const field = "users.email"

func keeper(t *testing.T, fill byte) *Keeper {
	t.Helper()
	key := bytes.Repeat([]byte{fill}, KeySize)
	k, err := Open(context.Background(), "base64key://"+base64.URLEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(key))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestUnseal_OtherKeyOrContext_IsRefused(t *testing.T) {
	t.Parallel()
	key, _, err := keeper(t, 1).NewKey(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := keeper(t, 1).NewKey(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "ada@example.com", "Łovelace\x00", strings.Repeat("x", 1<<20)} {
		sealed, err := Seal(key, field, text)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" && bytes.Contains(sealed, []byte(text)) {
			t.Error("the sealed field holds the text")
		}
		if got, err := Unseal(key, field, sealed); err != nil || got != text {
			t.Errorf("Unseal = %.20q, %v, want %.20q", got, err, text)
		}
		again, err := Seal(key, field, text)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed twice alike (%v): equal texts would show", err)
		}
		for name, open := range map[string]func() (string, error){
			"another key":     func() (string, error) { return Unseal(other, field, sealed) },
			"another context": func() (string, error) { return Unseal(key, "users.first_name", sealed) },
			"no context":      func() (string, error) { return Unseal(key, "", sealed) },
			"no key":          func() (string, error) { return Unseal(nil, field, sealed) },
			"cut off":         func() (string, error) { return Unseal(key, field, sealed[:len(sealed)-1]) },
			"nothing":         func() (string, error) { return Unseal(key, field, nil) },
		} {
			if got, err := open(); err == nil {
				t.Errorf("%s: opened as %.20q", name, got)
			}
		}
	}
}

func TestUnseal_DamagedBit_IsRefused(t *testing.T) {
	t.Parallel()
	key := make([]byte, KeySize)
	sealed, err := Seal(key, field, "ada")
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(sealed) * 8 {
		damaged := bytes.Clone(sealed)
		damaged[i/8] ^= 1 << (i % 8)
		if got, err := Unseal(key, field, damaged); err == nil {
			t.Errorf("opened as %q with bit %d flipped", got, i)
		}
	}
}

func TestUnwrap_OtherPlatformKey_IsRefused(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	k := keeper(t, 1)
	key, wrapped, err := k.NewKey(ctx)
	if err != nil || len(key) != KeySize || bytes.Contains(wrapped, key) {
		t.Fatalf("NewKey = %d bytes, %v, want %d wrapped ones", len(key), err, KeySize)
	}
	if got, err := k.Unwrap(ctx, wrapped); err != nil || !bytes.Equal(got, key) {
		t.Errorf("Unwrap: %v, or another key", err)
	}
	if _, err := keeper(t, 2).Unwrap(ctx, wrapped); err == nil {
		t.Error("another platform's key unwraps it")
	}
	for _, wrapped := range [][]byte{nil, {1}, wrapped[1:]} {
		if _, err := k.Unwrap(ctx, wrapped); err == nil {
			t.Errorf("%d damaged bytes unwrap", len(wrapped))
		}
	}
}

func TestBlindIndex_EqualValueAndPurpose_IsEqual(t *testing.T) {
	t.Parallel()
	k := keeper(t, 1)
	index := k.BlindIndex(field, "ada@example.com")
	if len(index) != 32 || !bytes.Equal(index, k.BlindIndex(field, "ada@example.com")) {
		t.Errorf("index %x is not one stable fingerprint", index)
	}
	for name, other := range map[string][]byte{
		"another value":   k.BlindIndex(field, "eve@example.com"),
		"another purpose": k.BlindIndex("users.phone", "ada@example.com"),
		"another key":     keeper(t, 2).BlindIndex(field, "ada@example.com"),
		"a shifted limit": k.BlindIndex(field+"\x00ada", "@example.com"),
	} {
		if bytes.Equal(index, other) {
			t.Errorf("%s has the same index", name)
		}
	}
}

func TestOpen_BadKey_IsRefusedWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(make([]byte, KeySize))
	for name, keys := range map[string][2]string{
		"no key":          {"", good},
		"no such service": {"nosuch://s3cret", good},
		"short key":       {"base64key://czNjcmV0", good},
		"no index key":    {"base64key://" + good, ""},
		"short index key": {"base64key://" + good, "czNjcmV0"},
		"bad index key":   {"base64key://" + good, "s3cret!"},
	} {
		_, err := Open(context.Background(), keys[0], keys[1])
		if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "czNjcmV0") {
			t.Errorf("%s: error %v, want one without the key", name, err)
		}
	}
}
