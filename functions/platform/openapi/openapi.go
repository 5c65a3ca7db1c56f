// Package openapi serves the description of the API: for programs GET /openapi.yaml (OpenAPI
// 3.1), for people GET /docs, a page without scripts or external resources.
package openapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/knative"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("platform-openapi", New,
	function.On(function.Get("platform-openapi", "/openapi.yaml", "This description of the API", policy.Public).
		Answers(answers("application/yaml")), (*Function).Description),
	function.On(function.Get("platform-docs", "/docs", "This description of the API, as a page", policy.Public).
		Answers(answers("text/html")), (*Function).Docs),
)

func answers(mediaType string) map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": {Description: "OK", Content: map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}}},
		"304": {Description: "Not Modified: the caller already has it"},
	}
}

// Request is a conditional request.
type Request struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETag of an earlier response"`
}

// Response is a document or, for an unchanged one, its headers.
type Response struct {
	Status         int
	ContentType    string `header:"Content-Type"`
	ContentPolicy  string `header:"Content-Security-Policy"`
	ReferrerPolicy string `header:"Referrer-Policy"`
	CacheControl   string `header:"Cache-Control"`
	ETag           string `header:"ETag"`
	Body           []byte
}

// Function serves documents that New rendered.
type Function struct{ description, docs Response }

// New renders the page.
func New(context.Context, *function.Env) (*Function, error) {
	page, err := render(knative.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("render documentation: %w", err)
	}
	return &Function{
		description: document("application/yaml", "default-src 'none'", knative.OpenAPI),
		docs:        document("text/html; charset=utf-8", pagePolicy, page),
	}, nil
}

func document(contentType, policy string, body []byte) Response {
	hash := sha256.Sum256(body)
	return Response{
		Status: http.StatusOK, ContentType: contentType, ContentPolicy: policy, ReferrerPolicy: "no-referrer",
		CacheControl: "public, max-age=300", ETag: `"` + hex.EncodeToString(hash[:16]) + `"`, Body: body,
	}
}

// Description returns the OpenAPI description.
func (f *Function) Description(_ context.Context, in *Request) (*Response, error) {
	return f.description.unlessKnown(in.IfNoneMatch), nil
}

// Docs returns the page.
func (f *Function) Docs(_ context.Context, in *Request) (*Response, error) {
	return f.docs.unlessKnown(in.IfNoneMatch), nil
}

// unlessKnown returns the response to a conditional request (RFC 9110 §13.1.2).
func (r Response) unlessKnown(etags string) *Response {
	if strings.Contains(etags, r.ETag) || strings.TrimSpace(etags) == "*" {
		r.Status, r.Body = http.StatusNotModified, nil
	}
	return &r
}
