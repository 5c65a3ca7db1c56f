package runtime

import (
	"net/http"
	"net/url"
	"time"

	"github.com/rs/cors"

	"function/shared/function"
)

// pages returns the origins of the user-facing pages.
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

// CORS lets pages of the allowed origins call next from a browser, and answers preflight requests
// (Fetch Standard, "HTTP-CORS protocol"). It does not allow credentials: callers authenticate with
// tokens only. It wraps the handlers that browsers reach: the gateway, and the local platform.
func CORS(c function.Config, next http.Handler) http.Handler {
	origins := pages(c)
	if len(origins) == 0 {
		return next // the library takes an empty list to mean every origin
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "Range", "Traceparent",
			"Tus-Resumable", "Upload-Checksum", "Upload-Concat", "Upload-Defer-Length", "Upload-Length", "Upload-Metadata", "Upload-Offset", "X-HTTP-Method-Override"},
		ExposedHeaders: []string{
			"Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location",
			"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate",
			"Dataset-Version", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version",
			"Upload-Concat", "Upload-Defer-Length", "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset",
		},
		MaxAge: int((2 * time.Hour).Seconds()), // the maximum that Chromium honors
	}).Handler(next)
}
