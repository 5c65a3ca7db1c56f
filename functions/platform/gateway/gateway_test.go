package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"function/shared/function"
	"function/shared/problem"
	"function/shared/runtime"
)

// platform is a gateway in front of functions that a test provides.
type platform struct {
	t       *testing.T
	gateway *httptest.Server
}

// start runs the gateway under a name. Every function's host leads to upstream; if it is nil, the
// host accepts no connections.
func start(t *testing.T, name string, upstream http.Handler) *platform {
	t.Helper()
	address := refusing(t)
	if upstream != nil {
		server := httptest.NewServer(upstream)
		t.Cleanup(server.Close)
		address = server.Listener.Addr().String()
	}
	construct := func(ctx context.Context, env *function.Env) (*Function, error) {
		f, err := New(ctx, env)
		if err == nil {
			f.transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
		}
		return f, err
	}
	catalog := []function.Declaration{function.Service("platform-gateway", construct, function.OnRequest((*Function).Pass)).Also(Names...)}
	d, err := runtime.Find(catalog, name)
	if err != nil {
		t.Fatal(err)
	}
	env := function.NewEnv(function.Config{ServicesDomain: "aic-data.svc.cluster.local", PublicURL: "https://app.example.com/de"})
	handler, err := runtime.Single(context.Background(), d, env)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewServer(handler)
	t.Cleanup(func() {
		gateway.Close()
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	return &platform{t, gateway}
}

func refusing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (p *platform) request(method, path string, body io.Reader, headers ...string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequest(method, p.gateway.URL+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := p.gateway.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func (p *platform) wantProblem(answer *http.Response, status int) problem.Problem {
	p.t.Helper()
	var problem problem.Problem
	if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil {
		p.t.Fatalf("status %s, and the body is no problem: %v", answer.Status, err)
	}
	if answer.StatusCode != status || problem.Status != status || answer.Header.Get("Content-Type") != "application/problem+json" {
		p.t.Errorf("status %s, problem %+v, want %d", answer.Status, problem, status)
	}
	return problem
}

// mirror responds with the request that reached it.
var mirror = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Keep-Alive", "timeout=5")
	_ = json.NewEncoder(w).Encode(map[string]any{"host": r.Host, "method": r.Method, "uri": r.RequestURI, "header": r.Header, "body": string(body)})
})

type reflection struct {
	Host, Method, URI, Body string
	Header                  http.Header
}

func (p *platform) reflected(answer *http.Response) reflection {
	p.t.Helper()
	var r reflection
	if err := json.NewDecoder(answer.Body).Decode(&r); err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("status %s: %v", answer.Status, err)
	}
	return r
}

func TestGateway_Routes_ReachTheirFunctionsUnchanged(t *testing.T) {
	t.Parallel()
	p := start(t, "platform-gateway", mirror)
	for _, test := range []struct{ method, path, service string }{
		{http.MethodPost, "/v1/users/login", "users-login"},
		{http.MethodGet, "/v1/datasets/status?limit=3;x&a=%zz", "datasets-status"},
		{http.MethodGet, "/v1/datasets/0198c2d0-0000-7000-8000-000000000000", "datasets-get"},
		{http.MethodDelete, "/v1/datasets/a%2Fb", "datasets-delete"},
		{http.MethodHead, "/openapi.yaml", "platform-openapi"},
	} {
		answer := p.request(test.method, test.path, strings.NewReader("body"), "Authorization", "Bearer token")
		if test.method == http.MethodHead {
			if answer.StatusCode != http.StatusOK {
				t.Errorf("HEAD %s: %s", test.path, answer.Status)
			}
			continue
		}
		got := p.reflected(answer)
		if got.Host != test.service+".aic-data.svc.cluster.local" || got.Method != test.method || got.URI != test.path || got.Body != "body" || got.Header.Get("Authorization") != "Bearer token" {
			t.Errorf("%s %s arrived as %+v", test.method, test.path, got)
		}
		if h := answer.Header; len(h["Cache-Control"]) != 1 || h.Get("Cache-Control") != "public, max-age=300" || len(h["X-Content-Type-Options"]) != 1 {
			t.Errorf("the answer's headers are not the function's: %v", h)
		}
	}
}

func TestGateway_UnroutedPath_NotFound(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 100)
	p := start(t, "platform-gateway", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	for _, path := range []string{"/", "/health", "/v1", "/v1/users", "/v1/users/login/", "/v1/datasets/a/b", "/metrics", "/metrics/x", "/%2e%2e/", "//v1/users/login", "/v1/../metrics", "/v1/./users/login", "/v1/users%2Flogin"} {
		p.wantProblem(p.request(http.MethodPost, path, strings.NewReader("{}"), "Ce-Id", "1", "Ce-Type", "x", "Ce-Source", "x", "Ce-Specversion", "1.0"), http.StatusNotFound)
	}
	answer := p.request(http.MethodPut, "/v1/datasets", strings.NewReader("{}"))
	p.wantProblem(answer, http.StatusMethodNotAllowed)
	if got := answer.Header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow %q", got)
	}
	if len(reached) > 0 {
		t.Errorf("a function was reached at %s", <-reached)
	}
}

func TestGateway_CORS(t *testing.T) {
	t.Parallel()
	p := start(t, "platform-gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			t.Error("a function was asked for a preflight")
		}
		w.Header().Set("Vary", "Accept")
		w.Header().Set("ETag", `"1"`)
	}))
	for origin, allowed := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example": ""} {
		answer := p.request(http.MethodOptions, "/v1/users/profile", nil, "Origin", origin, "Access-Control-Request-Method", http.MethodPatch, "Access-Control-Request-Headers", "authorization,content-type")
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != allowed || answer.StatusCode != http.StatusNoContent {
			t.Errorf("preflight of %s: %s, allowed %q", origin, answer.Status, got)
		}
		for _, path := range []string{"/v1/users/profile", "/nothing"} {
			h := p.request(http.MethodGet, path, nil, "Origin", origin).Header
			if h.Get("Access-Control-Allow-Origin") != allowed || !strings.Contains(strings.Join(h.Values("Vary"), ", "), "Origin") {
				t.Errorf("%s of %s: %v", path, origin, h)
			}
		}
	}
}

func TestGateway_ContractHosts_ServeTheirDomains(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"users": "/v1/users/profile", "compliance": "/v1/compliance/retention/policies", "datasets": "/v1/datasets", "analytics": "/v1/analytics/reports", "platform": "/docs"}
	for _, name := range append(Names, "platform-gateway") {
		p := start(t, name, mirror)
		for domain, path := range paths {
			want := http.StatusNotFound
			if name == "platform-gateway" || strings.Contains(strings.Join(domains[name], " "), domain) {
				want = http.StatusOK
			}
			if answer := p.request(http.MethodGet, path, nil); answer.StatusCode != want {
				t.Errorf("%s%s: %s, want %d", name, path, answer.Status, want)
			}
		}
	}
}

func TestGateway_Headers_HopByHopAreRemoved(t *testing.T) {
	t.Parallel()
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	p := start(t, "platform-gateway", mirror)
	got := p.reflected(p.request(http.MethodGet, "/v1/users/profile", nil, "Traceparent", trace, "X-Forwarded-For", "203.0.113.7",
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "api.example.com", "Connection", "close, X-Hop", "X-Hop", "1", "Te", "gzip", "Proxy-Authorization", "Basic x"))
	want := map[string]string{"Traceparent": trace, "X-Forwarded-For": "203.0.113.7, 127.0.0.1", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "api.example.com", "X-Hop": "", "Te": "", "Proxy-Authorization": "", "Accept-Encoding": "gzip"}
	for name, value := range want {
		if v := strings.Join(got.Header[name], ", "); v != value {
			t.Errorf("%s %q, want %q", name, v, value)
		}
	}

	got = p.reflected(p.request(http.MethodGet, "/v1/users/profile", nil))
	if h := got.Header; h.Get("X-Forwarded-For") != "127.0.0.1" || h.Get("X-Forwarded-Proto") != "http" || "http://"+h.Get("X-Forwarded-Host") != p.gateway.URL || h.Get("Traceparent") == "" {
		t.Errorf("headers of a caller without an ingress: %v", h)
	}
}

func TestGateway_Response_IsStreamed(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	p := start(t, "platform-gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-proceed
		fmt.Fprintln(w, "second")
	}))
	lines := bufio.NewReader(p.request(http.MethodGet, "/docs", nil).Body)
	if line, err := lines.ReadString('\n'); line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(proceed)
	if line, err := lines.ReadString('\n'); line != "second\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

func TestGateway_Upload_UsesConstantMemory(t *testing.T) {
	t.Parallel()
	const size = 500 << 20
	p := start(t, "platform-gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}))
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	answer := p.request(http.MethodPost, "/v1/datasets/1/upload", io.LimitReader(zeros{}, size))
	body, err := io.ReadAll(answer.Body)
	if want := fmt.Sprint(size, nil); string(body) != want || err != nil {
		t.Fatalf("%s, %v, want %s", body, err, want)
	}
	goruntime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 50<<20 {
		t.Errorf("allocated %d bytes for an upload of %d", allocated, size)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestGateway_UploadRefused_ReachesTheCaller(t *testing.T) {
	t.Parallel()
	p := start(t, "platform-gateway", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	p.gateway.Client().Transport.(*http.Transport).ExpectContinueTimeout = time.Minute // otherwise the client sends the body at once
	answer := p.request(http.MethodPost, "/v1/datasets/1/upload", io.LimitReader(zeros{}, 100<<20), "Expect", "100-continue")
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %s, want what the function answered", answer.Status)
	}
}

func TestGateway_FunctionUnreachable_IsAProblem(t *testing.T) {
	t.Parallel()
	p := start(t, "platform-gateway", nil)
	answer := p.request(http.MethodPost, "/v1/users/login", strings.NewReader("{}"))
	p.wantProblem(answer, http.StatusServiceUnavailable)
	if answer.Header.Get("Retry-After") != "1" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", answer.Header)
	}

	p = start(t, "platform-gateway", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p.wantProblem(p.request(http.MethodPost, "/v1/users/login", strings.NewReader("{}")), http.StatusBadGateway)
}

func TestGateway_ResponseAborted_AbortsForTheCaller(t *testing.T) {
	t.Parallel()
	p := start(t, "platform-gateway", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		panic(http.ErrAbortHandler)
	}))
	answer := p.request(http.MethodGet, "/v1/datasets/1/download", nil)
	if _, err := io.ReadAll(answer.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an answer ended with %v, want an error", err)
	}
}

func TestGateway_FunctionTimeout_IsEnforced(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(upstream.Close) // waits for the function, which must be told to end
	f := &Function{transport: newTransport()}
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	within(10*time.Millisecond, f.proxy(target)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d", recorder.Code)
	}
}

func TestRoutes_EveryDomain_HasAContractHost(t *testing.T) {
	t.Parallel()
	for _, route := range routes {
		domain, _, _ := strings.Cut(route.Service, "-")
		known := domain == "platform"
		for _, answered := range domains {
			for _, d := range answered {
				known = known || d == domain
			}
		}
		if !known {
			t.Errorf("no host of docs/contract.md answers %s %s of domain %s", route.Method, route.Path, domain)
		}
	}
}
