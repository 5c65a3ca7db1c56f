package runtime

import (
	"net/http"
	"strings"
)

// IsSigned reports whether a request is signed by AWS Signature Version 4, in its header or in its URL: a
// request of an S3 client, which may have any path.
func IsSigned(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=")
}

// Signed serves requests of S3 clients with signed and others with rest. signed may be nil.
func Signed(signed, rest http.Handler) http.Handler {
	if signed == nil {
		return rest
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if IsSigned(r) {
			signed.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
