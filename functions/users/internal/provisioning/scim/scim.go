// Package scim implements the messages of SCIM 2.0 (RFC 7643, RFC 7644): schemas, filters,
// patches and responses. It does not know where resources are stored. The functions under
// /scim/v2 use it.
package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"function/shared/fault"
	"function/shared/function"
)

// MediaType is the media type of all messages (RFC 7644 §3.1).
const MediaType = "application/scim+json"

// The schemas of messages (RFC 7644 §8.2).
const (
	errorSchema = "urn:ietf:params:scim:api:messages:2.0:Error"
	listSchema  = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

	searchSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// Resource is a decoded JSON resource. After [ResourceType.Normalize], all names have the
// schema's spelling and all values the schema's types.
type Resource = map[string]any

// Kind is the scimType of an error (RFC 7644 §3.12).
type Kind string

// The kinds of errors.
const (
	InvalidFilter Kind = "invalidFilter"
	TooMany       Kind = "tooMany"
	Uniqueness    Kind = "uniqueness"
	Mutability    Kind = "mutability"
	InvalidSyntax Kind = "invalidSyntax"
	InvalidPath   Kind = "invalidPath"
	NoTarget      Kind = "noTarget"
	InvalidValue  Kind = "invalidValue"
)

// Error is a SCIM error response. Its detail is safe for the caller and never quotes the
// request.
type Error struct {
	Status int
	Kind   Kind // empty: none of them applies
	Detail string
}

// BadRequest returns a 400 error of a kind.
func BadRequest(kind Kind, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string { return e.Detail }

// MarshalJSON implements json.Marshaler. The status is encoded as a string (RFC 7644 §3.12).
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Schemas []string `json:"schemas"`
		Status  string   `json:"status"`
		Kind    Kind     `json:"scimType,omitempty"`
		Detail  string   `json:"detail"`
	}{[]string{errorSchema}, strconv.Itoa(e.Status), e.Kind, e.Detail})
}

// FromFault converts a fault to a SCIM error and returns other errors unchanged.
func FromFault(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Kind.Status() >= http.StatusInternalServerError {
		return err
	}
	return &Error{Status: f.Kind.Status(), Detail: f.Detail}
}

// Answer is the response of a SCIM operation.
type Answer struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

// Failed returns the response for a SCIM error. Other errors are left to the runtime.
func Failed(err error) (*Answer, error) {
	var e *Error
	if !errors.As(err, &e) {
		return nil, err
	}
	return answer(e.Status, e)
}

// Show returns the response with the requested attributes of one resource, and its version as
// ETag.
func Show(status int, r Resource, asked Selection) (*Answer, error) {
	a, err := answer(status, asked.Of(r))
	if err != nil {
		return nil, err
	}
	a.ETag = versionOf(r)
	if status == http.StatusCreated {
		meta, _ := r["meta"].(map[string]any)
		location, _ := meta["location"].(string)
		a.Location = asked.base + location
	}
	return a, nil
}

// ShowUnless returns the response with one resource, or 304 if the client has this version
// already (RFC 7644 §3.14, RFC 9110 §13.1.2).
func ShowUnless(ifNoneMatch string, r Resource, asked Selection) (*Answer, error) {
	if ifNoneMatch != "" && Matches(ifNoneMatch, r) == nil {
		return &Answer{Status: http.StatusNotModified, ETag: versionOf(r), CacheControl: "no-store"}, nil
	}
	return Show(http.StatusOK, r, asked)
}

// List returns the response with one page of resources. start is the 1-based index of the first
// one (RFC 7644 §3.4.2).
func List(resources []Resource, total, start int, asked Selection) (*Answer, error) {
	shown := make([]Resource, 0, len(resources))
	for _, r := range resources {
		shown = append(shown, asked.Of(r))
	}
	return answer(http.StatusOK, Resource{
		"schemas": []string{listSchema}, "totalResults": total, "startIndex": start, "itemsPerPage": len(shown), "Resources": shown,
	})
}

func answer(status int, body any) (*Answer, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode SCIM message: %w", err)
	}
	return &Answer{Status: status, ContentType: MediaType, CacheControl: "no-store", Body: encoded}, nil
}

// Message is the body of a SCIM request.
type Message struct{ function.Raw }

// Decode decodes the JSON message.
func (m *Message) Decode(into any) error {
	body, err := m.Bytes()
	if err != nil {
		return FromFault(err)
	}
	return decode(body, into)
}

// Patch decodes the message as a patch.
func (m *Message) Patch() (Patch, error) {
	body, err := m.Bytes()
	if err != nil {
		return Patch{}, FromFault(err)
	}
	return ParsePatch(body)
}

func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return BadRequest(InvalidSyntax, "The request body is not valid JSON for this operation")
	}
	return nil
}

// newVersion returns the weak entity tag of a resource, computed from all attributes except
// meta.
func newVersion(r Resource) (string, error) {
	shown := maps.Clone(r)
	delete(shown, "meta")
	encoded, err := json.Marshal(shown)
	if err != nil {
		return "", fmt.Errorf("encode resource: %w", err)
	}
	hash := sha256.Sum256(encoded)
	return `W/"` + hex.EncodeToString(hash[:8]) + `"`, nil
}

func versionOf(r Resource) string {
	meta, _ := r["meta"].(map[string]any)
	version, _ := meta["version"].(string)
	return version
}

// Matches checks If-Match against a resource's version (RFC 7644 §3.14). An empty header matches
// every version.
func Matches(ifMatch string, r Resource) error {
	if ifMatch == "" || strings.TrimSpace(ifMatch) == "*" {
		return nil
	}
	version := versionOf(r)
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == strings.TrimPrefix(version, "W/") {
			return nil
		}
	}
	return &Error{Status: http.StatusPreconditionFailed, Detail: "The resource has changed since that version"}
}
