package function

import (
	"fmt"
	"net/url"
	"strings"
)

// Origins lists the origins whose pages may call the API from a browser, such as
// https://app.example.com; `*` allows all.
type Origins []string

// EnvDecode implements envconfig.Decoder: origins are separated by commas.
func (o *Origins) EnvDecode(value string) error {
	for origin := range strings.SplitSeq(value, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			continue
		}
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || OriginOf(u) != origin || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(u.Host, "*")) {
			return fmt.Errorf("%q is not an origin such as https://app.example.com", origin)
		}
		*o = append(*o, origin)
	}
	return nil
}

// OriginOf returns the origin of a page (RFC 6454).
func OriginOf(u *url.URL) string { return u.Scheme + "://" + u.Host }
