package password

import (
	"bufio"
	"context"
	"crypto/sha1" // the choice of the service; it protects nothing
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Range asks a service in the manner of Have I Been Pwned whether a password was
// seen in a breach. The service learns five of the forty digits of its SHA-1
// (k-anonymity), and answers with every password that shares them.
type Range struct {
	url    string
	client *http.Client
}

const (
	rangeTimeout = time.Second
	maxRange     = 1 << 20 // bytes; a padded answer has about 40,000
)

// NewRange makes a client of the service at url, to which the five digits are
// appended, such as https://api.pwnedpasswords.com/range/.
func NewRange(url string) *Range {
	return &Range{url: strings.TrimSuffix(url, "/") + "/", client: &http.Client{Timeout: rangeTimeout}}
}

// Seen tells whether the service knows the password. Its errors name the service
// and nothing of the password; whoever asks goes on without an answer.
func (r *Range) Seen(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+digits[:5], nil)
	if err != nil {
		return false, errRange("is not a URL", nil)
	}
	request.Header.Set("Add-Padding", "true") // so that the size of the answer tells nothing
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
		if strings.EqualFold(suffix, digits[5:]) && count != "0" { // padding is counted 0
			return true, nil
		}
	}
	if lines.Err() != nil {
		return false, errRange("broke off", ctx.Err())
	}
	return false, nil
}

// errRange leaves out the client's own error, which quotes the digits.
func errRange(what string, cause error) error {
	if cause != nil {
		return fmt.Errorf("password range service %s: %w", what, cause)
	}
	return fmt.Errorf("password range service %s", what)
}
