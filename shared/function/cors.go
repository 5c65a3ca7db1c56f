package function

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"
)

// Origins are those whose pages may call the API from a browser, such as
// https://app.example.com; `*` is every one.
type Origins []string

// EnvDecode implements envconfig.Decoder: origins are separated by commas.
func (o *Origins) EnvDecode(value string) error {
	for origin := range strings.SplitSeq(value, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			continue
		}
		u, err := url.Parse(origin)
		if origin != "*" && (err != nil || u.Host == "" || originOf(u) != origin || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(u.Host, "*")) {
			return fmt.Errorf("%q is not an origin such as https://app.example.com", origin)
		}
		*o = append(*o, origin)
	}
	return nil
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// pages are the origins of the pages that people see.
func (c Config) pages() []string {
	switch {
	case len(c.AllowedOrigins) > 0:
		return c.AllowedOrigins
	case len(c.WebAuthnOrigins) > 0:
		return c.WebAuthnOrigins
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		return []string{originOf(u)}
	}
	return nil
}

// CORS lets the pages of the allowed origins call what next serves, and answers their
// browsers' preflights (Fetch Standard, "HTTP-CORS protocol"). Cookies are not among
// what it allows: callers are known by their tokens alone. It stands where people's
// requests come in: at the gateway, and on a laptop.
func (c Config) CORS(next http.Handler) http.Handler {
	origins := c.pages()
	if len(origins) == 0 {
		return next // an empty list would be every origin to the library
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "Range", "Traceparent"},
		ExposedHeaders: []string{
			"Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location",
			"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
		},
		MaxAge: int((2 * time.Hour).Seconds()), // the most that Chromium keeps
	}).Handler(next)
}
