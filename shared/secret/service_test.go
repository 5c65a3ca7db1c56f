package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gocloud.dev/secrets"

	_ "function/shared/drivers" // the key services
)

// service implements as much of AWS KMS and of Vault's transit engine as is needed to wrap a key:
// it reverses the key. It counts the keys that it unwraps.
func service(t *testing.T) (url string, unwrapped *atomic.Int64) {
	t.Helper()
	unwrapped = new(atomic.Int64)
	backwards := func(b []byte) []byte {
		turned := bytes.Clone(b)
		for i, j := 0, len(turned)-1; i < j; i, j = i+1, j-1 {
			turned[i], turned[j] = turned[j], turned[i]
		}
		return turned
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Plaintext, CiphertextBlob []byte // AWS, and Vault's plaintext
			Ciphertext                string // Vault: vault:v1:…
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		var out any
		switch called := r.URL.Path + r.Header.Get("X-Amz-Target"); called {
		case "/TrentService.Encrypt":
			out = map[string]any{"CiphertextBlob": backwards(in.Plaintext)}
		case "/TrentService.Decrypt":
			unwrapped.Add(1)
			out = map[string]any{"Plaintext": backwards(in.CiphertextBlob)}
		case "/v1/transit/encrypt/platform":
			out = map[string]any{"data": map[string]any{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(backwards(in.Plaintext))}}
		case "/v1/transit/decrypt/platform":
			unwrapped.Add(1)
			wrapped, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Ciphertext, "vault:v1:"))
			out = map[string]any{"data": map[string]any{"plaintext": backwards(wrapped)}}
		default:
			t.Errorf("called %s", called)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	return server.URL, unwrapped
}

func TestKeeper_KeyServices_WrapKeys(t *testing.T) { // not parallel: Vault is configured by environment variables
	url, unwrapped := service(t)
	for name, value := range map[string]string{"VAULT_SERVER_URL": url, "VAULT_SERVER_TOKEN": "x", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"} {
		t.Setenv(name, value)
	}
	for _, scheme := range []string{"awskms", "azurekeyvault", "base64key", "gcpkms", "hashivault"} {
		if !secrets.DefaultURLMux().ValidKeeperScheme(scheme) {
			t.Errorf("%s:// is not linked in", scheme)
		}
	}
	index := base64.StdEncoding.EncodeToString(make([]byte, KeySize))
	for _, keyURL := range []string{"awskms://alias/platform?region=eu-central-1&endpoint=" + url, "hashivault://platform"} {
		k, err := Open(context.Background(), keyURL, index)
		if err != nil {
			t.Fatal(err)
		}
		key, wrapped, err := k.NewKey(context.Background())
		if err != nil {
			t.Fatalf("%s: %v", keyURL, err)
		}
		opened, err := k.Unwrap(context.Background(), wrapped)
		if err != nil || !bytes.Equal(opened, key) || bytes.Contains(wrapped, key) {
			t.Errorf("%s: unwrapped %x of %x: %v", keyURL, opened, key, err)
		}
		before := unwrapped.Load()
		clear(opened) // it belongs to the caller
		again, err := k.Unwrap(context.Background(), wrapped)
		if err != nil || !bytes.Equal(again, key) || unwrapped.Load() != before {
			t.Errorf("%s: asked again, or unwrapped %x of %x a moment later: %v", keyURL, again, key, err)
		}
	}
}
