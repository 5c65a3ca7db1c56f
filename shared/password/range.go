package password

import (
	"bufio"
	"context"
	"crypto/sha1" // prescribed by the service; not used for protection
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Range asks a service with the API of Have I Been Pwned whether a password appeared in a breach.
// The service learns only five of the forty hex digits of its SHA-1 (k-anonymity) and returns all
// passwords that share them.
type Range struct {
	url    string
	client *http.Client
}

const (
	rangeTimeout = time.Second
	maxRange     = 1 << 20 // bytes; a padded response has about 40,000
)

// NewRange returns a client of the service at url, to which the five digits are appended. An
// example is https://api.pwnedpasswords.com/range/.
func NewRange(url string) *Range {
	return &Range{url: strings.TrimSuffix(url, "/") + "/", client: &http.Client{Timeout: rangeTimeout}}
}

// Seen reports whether the service knows the password. Errors name the service and contain nothing
// of the password. Callers should continue without a result.
func (r *Range) Seen(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+digits[:5], nil)
	if err != nil {
		return false, errRange("is not a URL", nil)
	}
	request.Header.Set("Add-Padding", "true") // hides the number of results
	request.Header.Set("User-Agent", "aic-data")
	answer, err := r.client.Do(request)
	if err != nil {
		return false, errRange("did not answer", ctx.Err())
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return false, errRange(answer.Status, nil)
	}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, maxRange))
	for lines.Scan() {
		suffix, count, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if strings.EqualFold(suffix, digits[5:]) && count != "0" { // padding has count 0
			return true, nil
		}
	}
	if lines.Err() != nil {
		return false, errRange("broke off", ctx.Err())
	}
	return false, nil
}

// errRange omits the client's error, which contains the digits.
func errRange(what string, cause error) error {
	if cause != nil {
		return fmt.Errorf("password range service %s: %w", what, cause)
	}
	return fmt.Errorf("password range service %s", what)
}
