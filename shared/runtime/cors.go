package runtime

import (
	"net/http"
	"net/url"
	"time"

	"github.com/rs/cors"

	"function/shared/function"
)

// pages are the origins of the pages that people see.
func pages(c function.Config) []string {
	switch {
	case len(c.AllowedOrigins) > 0:
		return c.AllowedOrigins
	case len(c.WebAuthnOrigins) > 0:
		return c.WebAuthnOrigins
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		return []string{function.OriginOf(u)}
	}
	return nil
}

// CORS lets the pages of the allowed origins call what next serves, and answers their
// browsers' preflights (Fetch Standard, "HTTP-CORS protocol"). Cookies are not among
// what it allows: callers are known by their tokens alone. It stands where people's
// requests come in: at the gateway, and on a laptop.
func CORS(c function.Config, next http.Handler) http.Handler {
	origins := pages(c)
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
