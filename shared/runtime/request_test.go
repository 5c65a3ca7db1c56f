package runtime_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"function/shared/fault"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
	"function/shared/problem"
	"function/shared/runtime"
)

type nested struct {
	Body struct {
		Reason string `json:"reason" minLength:"3"`
		Inner  *struct {
			Days int `json:"days" minimum:"1"`
		} `json:"inner,omitempty"`
		List []struct {
			Name string `json:"name" minLength:"1"`
		} `json:"list,omitempty"`
	}
}

type nestedFunction struct{}

func (nestedFunction) Handle(context.Context, *nested) (*struct{}, error) { return nil, nil }

func nestedEndpoint() function.Declaration {
	o := function.Post("tests-nested", "/v1/nested", "Nested", policy.Public)
	return function.Endpoint(o, func(context.Context, *function.Env) (nestedFunction, error) { return nestedFunction{}, nil })
}

func TestBody_MemberCaseOrRepetition_IsRefused(t *testing.T) {
	t.Parallel()
	for body, place := range map[string]string{
		`{"reason": "long", "inner": {"days": 1}, "list": [{"name": "a"}, {"name": "a"}]}`: "",
		`{"Reason": "long"}`:                                                  "body",
		`{"reason": "long", "Reason": ""}`:                                    "body.Reason",
		`{"reason": "long", "inner": {"days": 1, "Days": -5}}`:                "body.inner.Days",
		`{"reason": "long", "list": [{"name": "a", "NAME": null}]}`:           "body.list[0].NAME",
		`{"reason": "long", "\u017Feason": "x"}`:                              "body.\u017Feason",
		`{"reason": "", "reason": "long"}`:                                    "body.reason",
		`{"reason": "long", "\u0072eason": ""}`:                               "body.reason",
		`{"reason": "long", "inner": {"days": -5}, "inner": null}`:            "body.inner",
		`{"reason": "long", "inner": {"days": -5, "days": 1}}`:                "body.inner.days",
		`{"reason": "long", "list": [{"name": "a"}, {"name":"","name":"a"}]}`: "body.list.name",
	} {
		status := http.StatusNoContent
		if place != "" {
			status = http.StatusUnprocessableEntity
		}
		answer := call(t, nestedEndpoint(), post("/v1/nested", body))
		if answer.Status != status || place != "" && !strings.Contains(string(answer.Body), `"`+place+`"`) {
			t.Errorf("%s: %d %s, want %d at %q", body, answer.Status, answer.Body, status, place)
		}
	}
}

func TestBody_NotJSONInUTF8_IsUnsupported(t *testing.T) {
	t.Parallel()
	for contentType, status := range map[string]int{
		"application/json": 204, "application/json; charset=utf-8": 204, "Application/JSON;charset=\"UTF-8\"": 204, "application/vnd.example+json": 204, "application/merge-patch+json": 204,
		"": 415, "text/plain": 415, "text/json": 415, "application/json; charset=utf-16": 415, "application/json; charset": 415, "application/jsonx": 415,
		"application/x-www-form-urlencoded": 415, "application/json-patch+json": 415, "application/cbor": 415, "multipart/form-data; boundary=x": 415,
	} {
		r := post("/v1/nested", `{"reason": "long"}`)
		r.Header.Set("Content-Type", contentType)
		if answer := call(t, nestedEndpoint(), r); answer.Status != status {
			t.Errorf("Content-Type %q: %d %s, want %d", contentType, answer.Status, answer.Body, status)
		}
	}
	r := post("/v1/nested", `{"reason": "long"}`)
	r.Header.Set("Content-Encoding", "gzip")
	call(t, nestedEndpoint(), r).Want(t, http.StatusUnsupportedMediaType)
	call(t, nestedEndpoint(), post("/v1/nested", "{\"reason\": \"lo\xffng\"}")).Want(t, http.StatusBadRequest)
	for _, half := range []string{`\ud800`, `\udc00`, `\ud800\ud800`, `\ud800x`, `\\\ud83d`} {
		call(t, nestedEndpoint(), post("/v1/nested", `{"reason": "long `+half+`"}`)).Want(t, http.StatusBadRequest)
	}
	for _, whole := range []string{`\ud83d\ude00`, `\\ud800`, `\u00e9`} {
		call(t, nestedEndpoint(), post("/v1/nested", `{"reason": "long `+whole+`"}`)).Want(t, http.StatusNoContent)
	}

	bare := httptest.NewRequest(http.MethodPost, "/v1/nested", nil)
	call(t, nestedEndpoint(), bare).Want(t, http.StatusBadRequest) // no body whose type could be wrong
}

type filtered struct{}

func (filtered) Handle(context.Context, *struct {
	Action string   `query:"action"`
	Kinds  []string `query:"kind,explode"`
}) (*struct{}, error) {
	return nil, nil
}

func TestQuery_UnknownOrRepeatedParameter_IsRefused(t *testing.T) {
	t.Parallel()
	o := function.Get("tests-filtered", "/v1/filtered", "Filtered", policy.Public)
	construct := func(context.Context, *function.Env) (filtered, error) { return filtered{}, nil }
	lenient := o.AnyQuery()
	for query, place := range map[string]string{
		"": "", "?action=a%3Ab&kind=a&kind=b": "", "?": "",
		"?acton=a": "query.acton", "?Action=a": "query.Action", "?action=a&action=b": "query.action", "?action=%zz": "query", "?action=a;b": "query",
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/filtered", nil)
		r.URL.RawQuery = strings.TrimPrefix(query, "?")
		answer := call(t, function.Endpoint(o, construct), r)
		if place == "" {
			answer.Want(t, http.StatusNoContent)
			continue
		}
		problem := platformtest.Decode[problem.Problem](t, answer.Want(t, http.StatusUnprocessableEntity))
		if len(problem.Errors) != 1 || problem.Errors[0].Location != place {
			t.Errorf("%s: %+v, want it at %s", query, problem, place)
		}
		if place != "query" {
			call(t, function.Endpoint(lenient, construct), r).Want(t, http.StatusNoContent)
		}
	}
}

func TestRouting_UncleanPath_IsNotFound(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, (&echo{}).declare())
	single, err := runtime.Single(context.Background(), (&echo{}).declare(), function.NewEnv(function.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"//v1/tests/1", "/v1//tests/1", "/v1/tests/./1", "/v1/x/../tests/1", "/v1/tests/1/.", "/../v1/tests/1"} {
		answerOf(t, single, post(path, `{"count": 1}`)).Want(t, http.StatusNotFound)
		p.Do("", http.MethodPost, path, `{"count": 1}`).Want(t, http.StatusNotFound)
	}
	answerOf(t, single, post("/v1/tests/1", `{"count": 1}`)).Want(t, http.StatusOK)
	answerOf(t, single, httptest.NewRequest(http.MethodGet, "/health/../health/readiness", nil)).Want(t, http.StatusNotFound)
}

func TestChallenge_NamesATokenOnlyIfOneWasSent(t *testing.T) {
	t.Parallel()
	op := operation(policy.Person)
	p := platformtest.New(t, function.Endpoint(op, (&echo{}).construct))
	for header, want := range map[string]string{"": `Bearer`, "Basic YTpi": `Bearer`, "Bearer ": `Bearer`, "Bearer garbage": `Bearer error="invalid_token"`} {
		answer := p.Do("", http.MethodPost, "/v1/tests/1", `{"count": 1}`, "Authorization", header).Want(t, http.StatusUnauthorized)
		if got := answer.Header.Get("WWW-Authenticate"); got != want {
			t.Errorf("Authorization %q: WWW-Authenticate %q, want %q (RFC 6750 §3.1)", header, got, want)
		}
	}
}

// It takes longer than the body's timeout.
func TestRequest_LongerThanTheBodyTimeout_IsServed(t *testing.T) {
	t.Parallel()
	slow := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(6 * time.Second):
			return nil
		}
	}
	p := platformtest.New(t, (&echo{answer: slow}).declare())
	p.Do("", http.MethodPost, "/v1/tests/1", `{"count": 1}`).Want(t, http.StatusOK)
}

func TestCORS_AllowedOrigin_MayCall(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	const page = "https://app.example.com"
	for name, test := range map[string]struct {
		config  function.Config
		allowed bool
	}{
		"listed":                   {function.Config{AllowedOrigins: function.Origins{"https://a.example", page}, PublicURL: "https://b.example"}, true},
		"another is listed":        {function.Config{AllowedOrigins: function.Origins{"https://a.example"}, PublicURL: page}, false},
		"every":                    {function.Config{AllowedOrigins: function.Origins{"*"}}, true},
		"has passkeys":             {function.Config{WebAuthnOrigins: []string{page}, PublicURL: "https://b.example"}, true},
		"is that of the pages":     {function.Config{PublicURL: page + "/de/"}, true},
		"is not that of the pages": {function.Config{PublicURL: "https://app.example.com.evil.example/"}, false},
		"nothing is configured":    {function.Config{}, false},
	} {
		handler := runtime.CORS(test.config, served)
		preflight := httptest.NewRequest(http.MethodOptions, "/v1/users/profile", nil)
		preflight.Header.Set("Origin", page)
		preflight.Header.Set("Access-Control-Request-Method", http.MethodPatch)
		preflight.Header.Set("Access-Control-Request-Headers", "authorization,content-type,if-match")
		answer := answerOf(t, handler, preflight)
		h := answer.Header
		if got := answer.Status == http.StatusNoContent && h.Get("Access-Control-Allow-Origin") != "" && h.Get("Access-Control-Allow-Methods") == http.MethodPatch &&
			h.Get("Access-Control-Allow-Headers") == "authorization,content-type,if-match"; got != test.allowed {
			t.Errorf("%s: preflight %d %v", name, answer.Status, h)
		}
		r := httptest.NewRequest(http.MethodGet, "/v1/users/profile", nil)
		r.Header.Set("Origin", page)
		h = answerOf(t, handler, r).Header
		exposed := strings.Split(h.Get("Access-Control-Expose-Headers"), ", ")
		if got := h.Get("Access-Control-Allow-Origin") != ""; got != test.allowed || got && len(exposed) < 6 || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: answer with %v", name, h)
		}
		if name == "listed" && !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
			t.Errorf("Vary %q", h.Values("Vary"))
		}
	}
	for value, good := range map[string]bool{"https://a.example, http://localhost:3000": true, "*": true, "a.example": false, "https://a.example/": false, "https://*": false, "ftp://a.example": false, "null": false} {
		var origins function.Origins
		if err := origins.EnvDecode(value); (err == nil) != good {
			t.Errorf("ALLOWED_ORIGINS=%s: %v", value, err)
		}
	}
}

func TestLog_OnlyInternalErrors_AreErrors(t *testing.T) { // not parallel: the logger is global
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	cause := context.Canceled
	for kind, level := range map[fault.Kind]string{fault.Invalid: "INFO", fault.Malformed: "INFO", fault.Internal: "ERROR", fault.Unavailable: "ERROR"} {
		log.Reset()
		d := (&echo{answer: func(context.Context) error { return fault.New(kind, "x").Because(cause) }}).declare()
		call(t, d, post("/v1/tests/1", `{"count": 1}`)).Want(t, kind.Status())
		if !strings.Contains(log.String(), "level="+level+` msg="request failed"`) {
			t.Errorf("status %d is logged as %s", kind.Status(), log.String())
		}
	}
}

func TestBody_IntegerWithAnExponent_IsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	d := (&echo{answer: func(context.Context) error { return nil }}).declare()
	for _, number := range []string{"1e1", "1.0", "99999999999999999999999"} {
		answer := call(t, d, post("/v1/tests/1", `{"count": `+number+`}`))
		if answer.Status >= 500 || answer.Status >= 400 && (strings.Contains(string(answer.Body), "Go ") || strings.Contains(string(answer.Body), "struct")) {
			t.Errorf("%s: %d %s", number, answer.Status, answer.Body)
		}
	}
}
