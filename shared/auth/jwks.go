package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"function/shared/fault"
)

// Limits on documents of other issuers, which may be slow or compromised.
const (
	fetchTime   = 5 * time.Second
	maxDocument = 256 << 10
	maxKeys     = 64
	minRSABits  = 2048 // NIST SP 800-131A
)

var fetcher = &http.Client{
	Timeout: fetchTime,
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("redirects are not followed for an issuer's documents")
	},
}

// isFetchable reports whether an address is an https URL. If locally is set, http on a loopback
// address is allowed too; only an issuer on a loopback address may refer to one.
func isFetchable(address string, locally bool) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && locally && isLoopback(address)
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// readKeys fetches the issuer's key set (RFC 7517), from the URL in its metadata unless one is
// configured (OpenID Connect Discovery §4). An issuer that does not respond is fault.Unavailable.
func (e *external) readKeys(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	byID, err := e.fetchKeys(ctx)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The issuer of this token cannot be reached right now. Try again later.").
			After(keysRetryInterval).Because(fmt.Errorf("read keys of %s: %w", e.Issuer, err))
	}
	return byID, nil
}

func (e *external) fetchKeys(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	address := e.JWKSURL
	if address == "" {
		var metadata struct {
			Issuer  string `json:"issuer"`
			JWKSURI string `json:"jwks_uri"`
		}
		if err := fetch(ctx, strings.TrimSuffix(e.Issuer, "/")+"/.well-known/openid-configuration", &metadata); err != nil {
			return nil, err
		}
		if metadata.Issuer != e.Issuer {
			return nil, errors.New("its metadata belongs to another issuer")
		}
		if address = metadata.JWKSURI; !isFetchable(address, isLoopback(e.Issuer)) {
			return nil, errors.New("its jwks_uri is not an https URL")
		}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := fetch(ctx, address, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys", len(set.Keys))
	}
	byID := map[string]jose.JSONWebKey{}
	for _, encoded := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(encoded, &key) == nil && isUsable(key) { // ignore keys of other kinds (RFC 7517 §5)
			byID[key.KeyID] = key
		}
	}
	return byID, nil
}

// isUsable reports whether a key may verify signatures and is strong enough.
func isUsable(key jose.JSONWebKey) bool {
	if key.KeyID == "" || key.Use != "" && key.Use != "sig" || !key.IsPublic() || !key.Valid() {
		return false
	}
	if k, ok := key.Key.(*rsa.PublicKey); ok {
		return k.N.BitLen() >= minRSABits
	}
	return true
}

func fetch(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := fetcher.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responded with status %d", address, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	if len(body) > maxDocument {
		return fmt.Errorf("%s responded with more than %d bytes", address, maxDocument)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode %s: %w", address, err)
	}
	return nil
}
