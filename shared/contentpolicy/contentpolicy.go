// Package contentpolicy says what browsers may load for the platform's own pages (CSP Level 3).
package contentpolicy

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Page allows a page its own style and, if it is not empty, its own script, which may call the API of
// its own host. Forms only work with the script.
func Page(style, script string) string {
	scripts := ""
	if script != "" {
		scripts = fmt.Sprintf("script-src %s; connect-src 'self'; ", source(script))
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; %sbase-uri 'none'; form-action 'none'; frame-ancestors 'none'", source(style), scripts)
}

func source(content string) string {
	hash := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}
