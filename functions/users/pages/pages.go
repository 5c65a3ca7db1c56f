// Package pages serves the pages to which mails link, and the page for a forgotten password. A
// deployment whose application has its own pages at these paths sets PUBLIC_URL to it and does
// not need this function.
package pages

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/contentpolicy"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function: its pages and its well-known resources (RFC 8615).
var Service = function.Service("users-pages", New, parts()...)

func parts() (parts []function.Part[*Function]) {
	for _, f := range forms {
		parts = append(parts, function.On(f.operation(), func(p *Function, _ context.Context, _ *struct{}) (*Response, error) {
			return p.pages[f.Path], nil
		}))
	}
	return append(parts,
		function.On(function.Get("users-well-known-change-password", "/.well-known/change-password", "Redirect to the page for changing a password", policy.Public).
			Tagged("Pages").Status(http.StatusFound).
			Describe("For password managers (W3C, A Well-Known URL for Changing Passwords)."), (*Function).ChangePassword),
		function.On(function.Get("users-well-known-security", "/.well-known/security.txt", "Show how to report a vulnerability", policy.Public).
			Tagged("Pages").Fails(fault.NotFound).
			Describe("RFC 9116. 404 if the deployment sets no SECURITY_CONTACT.").
			Answers(map[string]*huma.Response{
				"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			}), (*Function).Security))
}

func (f form) operation() function.Operation {
	return function.Get("users-page-"+f.name, f.Path, "The page: "+f.Title, policy.Public).Tagged("Pages").
		Answers(map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		})
}

// Response is a page.
type Response struct {
	ContentType    string `header:"Content-Type"`
	ContentPolicy  string `header:"Content-Security-Policy"`
	ReferrerPolicy string `header:"Referrer-Policy"`
	Body           []byte
}

// Function serves pages, which are rendered when it starts.
type Function struct {
	pages   map[string]*Response // by path
	public  string               // PUBLIC_URL, without a slash at its end
	contact string               // SECURITY_CONTACT
}

//go:embed page.html
var page string

//go:embed page.css
var style template.CSS

//go:embed page.js
var script template.JS

var contentPolicy = contentpolicy.Page(string(style), string(script))

// New renders the pages.
func New(_ context.Context, env *function.Env) (*Function, error) {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	contact := env.Config.SecurityContact
	if u, err := url.Parse(contact); contact != "" && (err != nil || u.Scheme != "mailto" && u.Scheme != "https" && u.Scheme != "tel" || strings.ContainsAny(contact, "\r\n")) {
		return nil, errors.New("SECURITY_CONTACT must be a mailto:, https: or tel: URI (RFC 9116)")
	}
	f := &Function{pages: map[string]*Response{}, public: strings.TrimSuffix(env.Config.PublicURL, "/"), contact: contact}
	for _, form := range forms {
		var body bytes.Buffer
		if err := t.Execute(&body, map[string]any{"Form": form, "Style": style, "Script": script}); err != nil {
			return nil, fmt.Errorf("render %s: %w", form.Path, err)
		}
		f.pages[form.Path] = &Response{
			ContentType: "text/html; charset=utf-8", ContentPolicy: contentPolicy, ReferrerPolicy: "no-referrer", Body: body.Bytes(),
		}
	}
	return f, nil
}
