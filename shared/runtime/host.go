// Package runtime serves declared functions: HTTP operations, events and raw requests, with the
// checks that they share (caller, limits, query, body), problem details for every error, health
// checks and shutdown. A deployed process mounts one function; `make run` mounts all of them.
package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
	"function/shared/problem"
)

// Host serves mounted functions: one on a cluster, all of them in the local platform.
type Host struct {
	mux      *http.ServeMux
	api      huma.API
	verifier *auth.Verifier
	limits   *limits                     // nil: no limits
	events   map[string]eventHandlers    // by function name
	requests map[string]http.HandlerFunc // by function name
	signed   http.Handler                // of S3 clients; nil: none
	naming   string                      // the function whose schemas are being named
	life     context.Context             // ends with the process
	proxies  []netip.Prefix              // trusted to report the caller's address
}

// NewHost returns a host with nothing mounted. The end of life cancels the events that are being
// handled.
func NewHost(life context.Context) *Host {
	h := &Host{mux: http.NewServeMux(), events: map[string]eventHandlers{}, requests: map[string]http.HandlerFunc{}, life: life}
	config := huma.DefaultConfig("002AIC data services", "1")
	config.Info.Description = "User management, data management and analytics. Errors are RFC 9457 problem details; lists are {items, next_cursor}."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // platform-openapi serves them
	config.Formats = map[string]huma.Format{function.JSONType: jsonFormat, "json": jsonFormat}
	config.CreateHooks = nil // no $schema links in bodies
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", h.schemaName)
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		function.Bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "access_token of POST /v1/users/login, or an API key"},
	}
	h.api = humago.New(h.mux, config)
	return h
}

// Mount constructs a function and adds its routes and handlers.
func (h *Host) Mount(d function.Declaration, env *function.Env) error {
	ctx := h.life
	h.proxies = env.Config.TrustedProxies
	if h.verifier == nil && d.NeedsCaller() {
		verifier, err := env.Verifier(ctx)
		if err != nil {
			return fmt.Errorf("mount %s: %w", d.Name, err)
		}
		h.verifier = verifier
	}
	if h.limits == nil && len(d.Operations) > 0 {
		limiter, err := env.Limiter(ctx)
		if err != nil {
			return fmt.Errorf("mount %s: %w", d.Name, err)
		}
		if limiter != nil {
			h.limits = &limits{limiter, env.Config.RateLimits}
		}
	}
	if err := d.Mount(ctx, mount{h, d.Name}, env); err != nil {
		return fmt.Errorf("mount %s: %w", d.Name, err)
	}
	return nil
}

// Describe returns the OpenAPI description of the functions' operations.
func Describe(catalog []function.Declaration) *huma.OpenAPI {
	h := NewHost(context.Background())
	description := h.api.OpenAPI()
	for _, d := range catalog {
		d.Describe(mount{h, d.Name})
		for _, operation := range d.Operations {
			describeTags(description, operation.Tags)
		}
	}
	return description
}

// describeTags adds the tags that the description does not list yet.
func describeTags(description *huma.OpenAPI, tags []string) {
	for _, name := range tags {
		if !slices.ContainsFunc(description.Tags, func(t *huma.Tag) bool { return t.Name == name }) {
			description.Tags = append(description.Tags, &huma.Tag{Name: name})
		}
	}
}

// Handler serves the mounted operations. It answers unknown paths and methods with problem details
// too. Requests of S3 clients go to the function that receives them (OnSigned), if it is mounted.
func (h *Host) Handler() http.Handler { return h.observed(Signed(h.signed, Routed(h.mux))) }

// Requests returns the handler of a function that receives raw requests (OnRequest), or nil if it
// does not.
func (h *Host) Requests(name string) http.Handler {
	handle, ok := h.requests[name]
	if !ok {
		return nil
	}
	return h.observed(handle)
}

// Routed serves mux, but answers with problem details where mux would respond itself: unknown
// methods and paths, and paths that it would clean.
func Routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" || !isClean(r.URL.Path) {
			noRoute(mux, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Front serves a process's requests: mux handles the paths that it knows, and rest everything else,
// including paths that mux would clean.
func Front(mux *http.ServeMux, rest http.Handler) http.Handler {
	mux.Handle("/", rest)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isClean(r.URL.Path) {
			rest.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isClean reports whether a path is in its shortest form, unlike //v1/../metrics.
func isClean(p string) bool {
	return p == "/" || strings.HasPrefix(p, "/") && path.Clean(p) == strings.TrimSuffix(p, "/")
}

func noRoute(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	probe := &statusProbe{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	p := problem.New(r.Context(), http.StatusNotFound, "Nothing exists at this path", nil)
	if probe.status == http.StatusMethodNotAllowed {
		allow := probe.header.Get("Allow")
		p = problem.New(r.Context(), http.StatusMethodNotAllowed, "This path only supports "+allow, nil)
		p.Set("Allow", allow)
	}
	p.Write(w)
}

type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }

// mount adds the parts of one function to a host.
type mount struct {
	*Host
	name string
}

// Operation implements function.Mount. It adds the checks of the caller, the rate limits, the query
// and the body, and turns errors into problem details.
func (m mount) Operation(o function.Operation, hasBody bool) (huma.API, huma.Operation, func(context.Context, error) error) {
	m.naming = m.name
	prepared := o.Operation
	prepared.Description = o.Text()
	prepared.Middlewares = append(m.middlewares(o), o.Middlewares...)
	prepared.Responses = cloneResponses(o.Responses)
	prepared.Errors = append([]int{http.StatusUnprocessableEntity, http.StatusTooManyRequests}, o.Errors...)
	if hasBody {
		prepared.BodyReadTimeout = -1 // checkBody has read the body already
		prepared.Errors = append(prepared.Errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return m.api, prepared, func(ctx context.Context, err error) error {
		var other auth.OtherOrganization
		if errors.As(err, &other) {
			m.recordOtherOrganization(ctx, o, other)
		}
		return problem.Of(ctx, err)
	}
}

// Event implements function.Mount.
func (m mount) Event(eventType string, handle func(context.Context, cloudevents.Event) error) {
	if m.events[m.name] == nil {
		m.events[m.name] = eventHandlers{}
	}
	m.events[m.name][eventType] = handle
}

// Requests implements function.Mount.
func (m mount) Requests(handle http.HandlerFunc) { m.requests[m.name] = handle }

// Signed implements function.Mount.
func (m mount) Signed(handle http.HandlerFunc) { m.signed = handle }

func (h *Host) middlewares(o function.Operation) (before huma.Middlewares) {
	if len(o.Protocol) > 0 {
		before = append(before, func(hctx huma.Context, next func(huma.Context)) {
			_, w := humago.Unwrap(hctx)
			maps.Copy(w.Header(), o.Protocol)
			next(hctx)
		})
	}
	if o.ErrorMember != nil {
		before = append(before, func(hctx huma.Context, next func(huma.Context)) {
			next(huma.WithContext(hctx, problem.WithMember(hctx.Context(), o.ErrorMember)))
		})
	}
	if h.limits != nil {
		before = append(before, h.limits.limitAddress(o))
	}
	if !o.Need.Public {
		before = append(before, h.authorize(o))
		if h.limits != nil {
			before = append(before, h.limits.limitCaller(o))
		}
	}
	if !o.TakesAnyQuery {
		before = append(before, checkQuery)
	}
	return append(before, checkBody)
}

// cloneResponses copies the responses, because huma modifies them when it registers an operation
// and one declaration may be mounted several times at once.
func cloneResponses(declared map[string]*huma.Response) map[string]*huma.Response {
	responses := map[string]*huma.Response{}
	for status, r := range declared {
		response := *r
		response.Headers, response.Content = maps.Clone(r.Headers), map[string]*huma.MediaType{}
		for contentType, m := range r.Content {
			media := *m
			response.Content[contentType] = &media
		}
		responses[status] = &response
	}
	return responses
}

// authorize authenticates the caller and checks the operation's need, before the body is read.
// Cached caller data never causes a refusal: the caller is loaded anew before one. It may allow a
// request for a moment after a right was withdrawn.
func (h *Host) authorize(operation function.Operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		ctx := hctx.Context()
		caller, err := h.callerOf(ctx, hctx.Header("Authorization"))
		if err == nil && permit(caller, operation.Need) != nil {
			h.verifier.Forget(caller.SessionID)
			caller, err = h.callerOf(ctx, hctx.Header("Authorization"))
		}
		if err == nil {
			ctx = auth.WithCaller(ctx, caller)
			if err = permit(caller, operation.Need); err != nil {
				h.recordRefusal(ctx, caller, "", operation.OperationID, operation.Need, err)
			}
		}
		if err == nil && operation.IsTenantScoped() {
			err = h.requireOrganization(ctx, caller, operation, hctx.Param("id"))
		}
		if err != nil {
			p := problem.Of(ctx, err)
			if f, ok := fault.As(err); ok && f.Kind == fault.Unauthenticated && tokenOf(hctx.Header("Authorization")) != "" {
				p.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			}
			_, w := humago.Unwrap(hctx)
			p.Write(w)
			return
		}
		next(huma.WithContext(hctx, ctx))
	}
}

// refusalTimeout limits how long a response waits for the audit entry of its refusal.
const refusalTimeout = 2 * time.Second

// recordRefusal audits a refusal. If that fails, it logs the error, and the refusal stands.
func (h *Host) recordRefusal(ctx context.Context, caller auth.Caller, resource, operation string, need policy.Need, refusal error) {
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalTimeout)
	defer cancel()
	action := cmp.Or(string(need.Permission), operation)
	reason, _ := fault.As(refusal)
	if err := h.verifier.RecordRefusal(recording, caller, action, resource, operation, reason.Detail); err != nil {
		slog.ErrorContext(ctx, "refusal not audited", "operation", operation, "error", err)
	}
}

// requireOrganization refuses an organization that the caller does not act in. Validation refuses a
// malformed UUID later.
func (h *Host) requireOrganization(ctx context.Context, caller auth.Caller, operation function.Operation, named string) error {
	id, err := uuid.Parse(named)
	if err != nil || id == caller.OrganizationID && id != uuid.Nil {
		return nil
	}
	if caller.OrganizationID == uuid.Nil {
		_, err := auth.Member(ctx)
		return err
	}
	attempt := auth.OtherOrganization{ID: id}
	h.recordOtherOrganization(ctx, operation, attempt)
	return attempt
}

// recordOtherOrganization audits an attempt on another organization in the caller's own trail.
func (h *Host) recordOtherOrganization(ctx context.Context, operation function.Operation, attempt auth.OtherOrganization) {
	if caller, err := auth.CallerFrom(ctx); err == nil {
		h.recordRefusal(ctx, caller, attempt.ID.String(), operation.OperationID, operation.Need, attempt)
	}
}

func (h *Host) callerOf(ctx context.Context, authorization string) (auth.Caller, error) {
	token := tokenOf(authorization)
	if token == "" {
		return auth.CallerFrom(ctx)
	}
	return h.verifier.Verify(ctx, token)
}

// tokenOf returns the bearer token of an Authorization header, or an empty string.
func tokenOf(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// schemaName names a type in the API description. Types of a function's package and anonymous
// bodies get the function's name as prefix, types of a domain's internal packages the domain's.
func (h *Host) schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	domain, inFunction := domainOf(t)
	switch {
	case t.Name() == "" || inFunction:
		return camel(h.naming) + huma.DefaultSchemaNamer(t, hint)
	case domain != "":
		return camel(domain) + huma.DefaultSchemaNamer(t, hint)
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// domainOf returns the domain of a type under functions/, and whether the type belongs to a single
// function. A generic type belongs where its type argument does.
func domainOf(t reflect.Type) (domain string, inFunction bool) {
	path := t.PkgPath()
	if _, items, ok := strings.Cut(t.Name(), "["); ok {
		path = items[:max(0, strings.LastIndex(items, "."))]
	}
	path, ok := strings.CutPrefix(path, "function/functions/")
	if !ok {
		return "", false
	}
	domain, rest, nested := strings.Cut(path, "/")
	return domain, nested && !strings.HasPrefix(rest, "internal/")
}

func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
