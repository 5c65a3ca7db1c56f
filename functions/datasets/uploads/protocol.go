package uploads

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"function/shared/fault"
)

const (
	protocolVersion = "1.0.0"
	resumableField  = "Tus-Resumable"
	extensions      = "creation,creation-with-upload,creation-defer-length,checksum,expiration,concatenation,termination"
	offsetType      = "application/offset+octet-stream"
)

// algorithms are those of Upload-Checksum. It protects against damage on the way and not against
// forgery.
var algorithms = map[string]func() hash.Hash{"sha1": sha1.New, "md5": md5.New, "sha256": sha256.New, "sha512": sha512.New}

func algorithmNames() string { return strings.Join(slices.Sorted(maps.Keys(algorithms)), ",") }

// checkVersion refuses a request of another version of the protocol (tus 1.0, Tus-Resumable).
func (e *exchange) checkVersion() error {
	if e.r.Header.Get(resumableField) == protocolVersion {
		return nil
	}
	e.w.Header().Set("Tus-Version", protocolVersion)
	return fault.New(fault.PreconditionFailed, "Send the header Tus-Resumable: %s, the version of the protocol", protocolVersion)
}

// number returns a header field that is a non-negative integer. It returns nil if it is absent.
func number(h http.Header, name string) (*int64, error) {
	values := h.Values(name)
	if len(values) == 0 {
		return nil, nil
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || len(values) > 1 || n < 0 || strings.HasPrefix(values[0], "+") {
		return nil, fault.New(fault.Malformed, "The header %s must be one non-negative integer", name)
	}
	return &n, nil
}

// length returns the length of the upload, or nil if it is deferred.
func length(h http.Header) (*int64, error) {
	n, err := number(h, "Upload-Length")
	if err != nil {
		return nil, err
	}
	deferred := h.Values("Upload-Defer-Length")
	switch {
	case len(deferred) > 0 && !slices.Equal(deferred, []string{"1"}):
		return nil, fault.New(fault.Malformed, "The header Upload-Defer-Length can only be 1")
	case (n == nil) == (len(deferred) == 0):
		return nil, fault.New(fault.Malformed, "Send either Upload-Length or Upload-Defer-Length: 1")
	}
	return n, nil
}

// parseMetadata reads Upload-Metadata: keys with Base64 values, separated by commas.
func parseMetadata(text string) (map[string]string, error) {
	values := map[string]string{}
	if strings.TrimSpace(text) == "" {
		return values, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		value, err := base64.StdEncoding.DecodeString(encoded)
		_, repeated := values[key]
		switch {
		case key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, fault.New(fault.Malformed, "A key in Upload-Metadata is empty or not ASCII")
		case err != nil:
			return nil, fault.New(fault.Malformed, "The value of %s in Upload-Metadata is not Base64", fault.Excerpt(key))
		case repeated:
			return nil, fault.New(fault.Malformed, "Upload-Metadata has the key %s twice", fault.Excerpt(key))
		}
		values[key] = string(value)
	}
	return values, nil
}

// checksum is a parsed Upload-Checksum.
type checksum struct {
	hash hash.Hash
	want []byte
}

// parseChecksum returns nil if the request has no checksum.
func parseChecksum(h http.Header) (*checksum, error) {
	values := h.Values("Upload-Checksum")
	if len(values) == 0 {
		return nil, nil
	}
	name, encoded, _ := strings.Cut(values[0], " ")
	algorithm := algorithms[name]
	if algorithm == nil || len(values) > 1 {
		return nil, fault.New(fault.Malformed, "Upload-Checksum must be one of the algorithms %s, a space, and the checksum in Base64", algorithmNames())
	}
	c := &checksum{hash: algorithm()}
	var err error
	if c.want, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(c.want) != c.hash.Size() {
		return nil, fault.New(fault.Malformed, "The checksum in Upload-Checksum must be the %d bytes of %s in Base64", c.hash.Size(), name)
	}
	return c, nil
}
