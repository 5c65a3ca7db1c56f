package function

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/fault"
)

// maxBody is the size limit of a request body whose operation sets no MaxBodyBytes; bodyTimeout
// limits how long a body may take to arrive.
const (
	maxBody     = 1 << 20
	bodyTimeout = 5 * time.Second
)

// JSONType is the media type of JSON bodies.
const JSONType = "application/json"

// hasBody reports whether huma reads a body for a request type.
func hasBody(request reflect.Type) bool {
	_, ok := request.FieldByName("Body")
	return ok
}

// ReadJSON reads a JSON request body (RFC 8259). It checks that the media type is JSON and that the
// body arrives complete and in time, is valid UTF-8, and repeats no member name in an object. It
// does not check the rest of the JSON syntax.
func ReadJSON(hctx huma.Context) ([]byte, error) {
	operation := hctx.Operation()
	r, _ := humago.Unwrap(hctx)
	if r.ContentLength == 0 {
		return nil, nil
	}
	if err := isJSON(r.Header, operation.RequestBody); err != nil {
		return nil, err
	}
	most := operation.MaxBodyBytes
	if most <= 0 {
		most = maxBody
	}
	_ = hctx.SetReadDeadline(time.Now().Add(bodyTimeout)) // fails only if there is no connection
	body, err := io.ReadAll(io.LimitReader(hctx.BodyReader(), most+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Malformed, "The request body did not arrive completely within %s. Send it again.", bodyTimeout)
	case int64(len(body)) > most:
		return nil, fault.New(fault.TooLarge, "The request body is larger than %d bytes", most)
	case !utf8.Valid(body):
		return nil, fault.New(fault.Malformed, "The request body is not valid UTF-8 (RFC 8259 §8.1)")
	}
	if place, ok := loneSurrogate(body); ok {
		return nil, fault.New(fault.Malformed, `The request body has half of a surrogate pair at byte %d, which is no character (RFC 8259 §8.2): send both halves, or the character itself`, place)
	}
	// Clear the deadline, or it would end a request that takes longer than the body's timeout.
	_ = hctx.SetReadDeadline(time.Time{})
	if place, ok := repeated(body); ok {
		return nil, fault.At(place, "%s appears twice", place)
	}
	return body, nil
}

// isJSON refuses a body whose headers declare anything but JSON in UTF-8. The media type may be one
// that the operation lists, application/json, or any type with the suffix +json (RFC 6839 §3.1)
// except JSON Patch (RFC 6902).
func isJSON(header http.Header, declared *huma.RequestBody) error {
	mediaType, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	_, named := declared.Content[mediaType]
	structured := strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json") && mediaType != "application/json-patch+json"
	charset, encoding := parameters["charset"], header.Get("Content-Encoding")
	switch {
	case err != nil || mediaType != JSONType && !named && !structured:
		return fault.New(fault.Unsupported, "Send the body as JSON with Content-Type: %s", JSONType)
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		return fault.New(fault.Unsupported, "Send the body in UTF-8, the only encoding of JSON (RFC 8259 §8.1)")
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return fault.New(fault.Unsupported, "Send the body without a Content-Encoding: none is supported")
	}
	return nil
}

// repeated finds a member name that appears twice in one object: parsers disagree on which of the
// two values counts (RFC 8259 §4). place is a path such as body.settings.name. Text that is not
// JSON has no repeated member.
func repeated(text []byte) (place string, found bool) {
	type level struct {
		names map[string]bool // nil for an array
		name  string          // the member whose value comes next; empty if a name comes next
		value bool
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var levels []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return "", false
		}
		var top *level
		if len(levels) > 0 {
			top = &levels[len(levels)-1]
		}
		delimiter, _ := token.(json.Delim)
		switch {
		case delimiter == '}' || delimiter == ']':
			levels = levels[:len(levels)-1]
			continue
		case top != nil && top.names != nil && !top.value:
			name := token.(string)
			if top.names[name] {
				path := []string{"body"}
				for _, l := range levels[:len(levels)-1] {
					if l.names != nil {
						path = append(path, l.name)
					}
				}
				return strings.Join(append(path, name), "."), true
			}
			top.names[name], top.name, top.value = true, name, true
			continue
		case top != nil:
			top.value = false
		}
		switch delimiter {
		case '{':
			levels = append(levels, level{names: map[string]bool{}})
		case '[':
			levels = append(levels, level{})
		}
	}
}

// Raw is a request body as it arrived, for an operation that validates the body itself. Embed it in
// the request type, and declare the operation's RequestBody with its schema among the extensions,
// where huma does not look.
type Raw struct {
	bytes []byte
	err   error
	read  bool
}

// Resolve implements huma.Resolver.
func (r *Raw) Resolve(ctx huma.Context) []error {
	if !r.read {
		r.read = true
		r.bytes, r.err = ReadJSON(ctx)
	}
	return nil
}

// Bytes returns the body. A body that is too large, incomplete or not declared as JSON is a fault.
func (r *Raw) Bytes() ([]byte, error) { return r.bytes, r.err }
