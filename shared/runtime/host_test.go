package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/auth"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/problem"
	"function/shared/runtime"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// echo is a function whose parts do what the test specifies.
type echo struct {
	answer  func(context.Context) error
	receive func(context.Context) error
}

func (e *echo) construct(context.Context, *function.Env) (*echo, error) { return e, nil }

type request struct {
	ID   string `path:"id"`
	Body struct {
		Count int `json:"count" minimum:"1"`
	}
}

type response struct {
	Body struct {
		ID string `json:"id"`
	}
}

func (e *echo) Handle(ctx context.Context, in *request) (*response, error) {
	if e.answer != nil {
		if err := e.answer(ctx); err != nil {
			return nil, err
		}
	}
	out := &response{}
	out.Body.ID = in.ID
	return out, nil
}

func operation(access function.Access) function.Operation {
	return function.Post("tests-echo", "/v1/tests/{id}", "Echo", access)
}

func (e *echo) declare() function.Declaration {
	return function.Endpoint(operation(policy.Public), e.construct)
}

// call sends a request to a host with one mounted function.
func call(t *testing.T, d function.Declaration, r *http.Request) platformtest.Answer {
	t.Helper()
	host := runtime.NewHost(context.Background())
	if err := host.Mount(d, function.NewEnv(function.Config{})); err != nil {
		t.Fatal(err)
	}
	return answerOf(t, host.Handler(), r)
}

func answerOf(t *testing.T, handler http.Handler, r *http.Request) platformtest.Answer {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	body, err := io.ReadAll(recorder.Body)
	if err != nil {
		t.Fatal(err)
	}
	return platformtest.Answer{Status: recorder.Code, Header: recorder.Header(), Body: body}
}

func post(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestRouting_UnknownPathOrMethod_IsAProblem(t *testing.T) {
	t.Parallel()
	d := (&echo{}).declare()
	call(t, d, post("/v1/tests/1", `{"count": 1}`)).Want(t, http.StatusOK)
	for _, path := range []string{"/", "/v1/tests", "/v1/tests/1/2", "/V1/tests/1", "/v1/tests/1/", "/openapi.json", "/docs"} {
		call(t, d, post(path, `{"count": 1}`)).Want(t, http.StatusNotFound)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		answer := call(t, d, httptest.NewRequest(method, "/v1/tests/1", nil)).Want(t, http.StatusMethodNotAllowed)
		if got := answer.Header.Get("Allow"); got != http.MethodPost {
			t.Errorf("Allow %q for %s, want POST (RFC 9110 §15.5.6)", got, method)
		}
	}
}

func TestInput_Invalid_IsNotQuoted(t *testing.T) {
	t.Parallel()
	d := (&echo{}).declare()
	for body, status := range map[string]int{
		``: http.StatusBadRequest, `{`: http.StatusBadRequest, `{"count": "s3cret"}`: http.StatusUnprocessableEntity,
		`{"s3cret": 1, "count": 1}`: http.StatusUnprocessableEntity, `{"count": 0}`: http.StatusUnprocessableEntity, `[]`: http.StatusUnprocessableEntity,
		`{"count": 1} {"count": 2}`:                               http.StatusBadRequest,
		`{"count": ` + strings.Repeat("[", 100_000):               http.StatusBadRequest,
		`{"count": 1, "x": "` + strings.Repeat("s3cret", 200_000): http.StatusRequestEntityTooLarge,
	} {
		answer := call(t, d, post("/v1/tests/1", body))
		if answer.Status != status {
			t.Errorf("body %.40q: status %d, want %d: %s", body, answer.Status, status, answer.Body)
			continue
		}
		answer.Want(t, status)
		if strings.Contains(string(answer.Body), "s3cret") && !strings.HasPrefix(body, `{"s3cret"`) {
			t.Errorf("body %.40q is quoted: %s", body, answer.Body)
		}
	}
}

func TestError_NotAFault_IsHidden(t *testing.T) {
	t.Parallel()
	secret := errors.New("s3cret")
	for name, test := range map[string]struct {
		err    error
		status int
		detail string
	}{
		"fault":         {fault.New(fault.Conflict, "Taken").Because(secret), http.StatusConflict, "Taken"},
		"wrapped fault": {fmt.Errorf("s3cret: %w", fault.New(fault.NotFound, "Gone")), http.StatusNotFound, "Gone"},
		"untyped":       {secret, http.StatusInternalServerError, ""},
		"huma's own":    {huma.Error409Conflict("s3cret"), http.StatusInternalServerError, ""},
		"deadline":      {fmt.Errorf("s3cret: %w", context.DeadlineExceeded), http.StatusServiceUnavailable, ""},
		"unavailable":   {fault.New(fault.Unavailable, "Later").After(1500 * time.Millisecond), http.StatusServiceUnavailable, "Later"},
		"limited":       {fault.New(fault.RateLimited, "Later").After(time.Millisecond), http.StatusTooManyRequests, "Later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := call(t, (&echo{answer: func(context.Context) error { return test.err }}).declare(), post("/v1/tests/1", `{"count": 1}`)).Want(t, test.status)
			problem := platformtest.Decode[problem.Problem](t, answer)
			if test.detail != "" && problem.Detail != test.detail || strings.Contains(string(answer.Body), "s3cret") {
				t.Errorf("answer %s, want the detail %q and no more", answer.Body, test.detail)
			}
			if retry := answer.Header.Get("Retry-After"); (retry != "") != (test.status == http.StatusServiceUnavailable || test.status == http.StatusTooManyRequests) || retry == "0" {
				t.Errorf("Retry-After %q with status %d", retry, test.status)
			}
			if len(problem.TraceID) != 32 {
				t.Errorf("trace %q, want one to find in the logs", problem.TraceID)
			}
		})
	}
}

func TestPanic_IsAProblemWithoutDetails(t *testing.T) {
	t.Parallel()
	d := (&echo{answer: func(context.Context) error { panic("s3cret") }}).declare()
	answer := call(t, d, post("/v1/tests/1", `{"count": 1}`)).Want(t, http.StatusInternalServerError)
	if strings.Contains(string(answer.Body), "s3cret") || strings.Contains(string(answer.Body), "goroutine") {
		t.Errorf("the answer tells the cause: %s", answer.Body)
	}
}

func TestResponse_HasTheTraceAndIsNotCached(t *testing.T) {
	t.Parallel()
	d := (&echo{answer: func(context.Context) error { return fault.New(fault.Conflict, "Taken") }}).declare()
	r := post("/v1/tests/1", `{"count": 1}`)
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	answer := call(t, d, r).Want(t, http.StatusConflict)
	if got := platformtest.Decode[problem.Problem](t, answer).TraceID; got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace %s, want the caller's", got)
	}
	if answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", answer.Header)
	}
}

func TestCaller_Refused_BeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	op := operation(policy.Person)
	asked := &echo{answer: func(ctx context.Context) error { _, err := auth.Member(ctx); return err }}
	p := platformtest.New(t, function.Endpoint(op, asked.construct))
	caller := p.Login("member")
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic YTpi", "Bearer garbage", caller.Token, "Bearer " + caller.Token + " x"} {
		answer := p.Do("", http.MethodPost, "/v1/tests/1", `not JSON`, "Authorization", header).Want(t, http.StatusUnauthorized)
		if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("WWW-Authenticate %q of a 401 (RFC 6750 §3)", answer.Header.Get("WWW-Authenticate"))
		}
	}
	p.Do("", http.MethodPost, "/v1/tests/1", `{"count": 1}`, "Authorization", "bearer "+caller.Token).Want(t, http.StatusOK)
	p.Do(caller.Token, http.MethodPost, "/v1/tests/1", `not JSON`).Want(t, http.StatusBadRequest)
}

func TestDescribe_NeedsNoInstance(t *testing.T) {
	t.Parallel()
	broken := func(context.Context, *function.Env) (*echo, error) { return nil, errors.New("no database") }
	description := runtime.Describe([]function.Declaration{function.Endpoint(operation(policy.Public), broken)})
	if item := description.Paths["/v1/tests/{id}"]; item == nil || item.Post == nil || item.Post.Responses["422"] == nil {
		t.Errorf("described %v", description.Paths)
	}
	if len(description.Tags) != 1 || description.Tags[0].Name != "Tests" {
		t.Errorf("tags %v", description.Tags)
	}
	err := runtime.NewHost(context.Background()).Mount(function.Endpoint(operation(policy.Public), broken), function.NewEnv(function.Config{}))
	if err == nil || !strings.Contains(err.Error(), "tests-echo") {
		t.Errorf("error %v, want one that names the function", err)
	}
}

func TestFind_UnknownName_ListsTheKnownOnes(t *testing.T) {
	t.Parallel()
	catalog := []function.Declaration{(&echo{}).declare(), function.Service("tests-other", (&echo{}).construct)}
	if d, err := runtime.Find(catalog, "tests-other"); err != nil || d.Name != "tests-other" {
		t.Errorf("Find = %s, %v", d.Name, err)
	}
	for _, name := range []string{"", "tests", "tests-ECHO"} {
		if _, err := runtime.Find(catalog, name); err == nil || !strings.Contains(err.Error(), "tests-echo, tests-other") {
			t.Errorf("Find(%q): %v, want an error that lists the functions", name, err)
		}
	}
}
