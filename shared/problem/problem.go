// Package problem turns errors into responses: RFC 9457 problem details. The runtime uses it
// for every operation, and functions use it when they write a response body themselves.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/objects"
	"function/shared/policy"
	"function/shared/trace"
)

// Problem is the body of every error response (RFC 9457). It contains sentences written for the
// caller and never a value that the caller sent.
type Problem struct {
	Type    string        `json:"type" example:"about:blank"`
	Title   string        `json:"title" doc:"The HTTP status text" example:"Unprocessable Entity"`
	Status  int           `json:"status" example:"422"`
	Detail  string        `json:"detail" doc:"What is wrong and what to do next"`
	Errors  []fault.Field `json:"errors,omitempty" doc:"The fields of the request that are wrong"`
	TraceID string        `json:"trace_id,omitempty" doc:"Identifies this request in the logs"`
	Member  any           `json:"error,omitempty" hidden:"true"` // see [WithMember]

	headers http.Header
}

func (p *Problem) Error() string           { return p.Detail }
func (p *Problem) GetStatus() int          { return p.Status }
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// New returns a problem with a status and a sentence for the caller.
func New(ctx context.Context, status int, detail string, places []fault.Field) *Problem {
	p := &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Errors: places, TraceID: trace.From(ctx).TraceID(), headers: http.Header{},
	}
	if member, ok := ctx.Value(memberKey{}).(func(int, string) any); ok {
		p.Member = member(status, detail)
	}
	return p
}

type memberKey struct{}

// WithMember returns a context whose problems also have the member "error", made of their status and detail: the
// clients of some protocols look there.
func WithMember(ctx context.Context, member func(status int, detail string) any) context.Context {
	return context.WithValue(ctx, memberKey{}, member)
}

// huma calls these functions to report invalid requests. The offending value may be a password, so
// it is dropped.
func init() {
	huma.NewErrorWithContext = func(hctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		ctx := context.Background()
		if hctx != nil {
			ctx = hctx.Context()
		}
		var places []fault.Field
		for _, err := range errs {
			var known *Problem
			if errors.As(err, &known) {
				return known
			}
			if d, ok := err.(huma.ErrorDetailer); ok {
				places = append(places, fault.Field{Location: d.ErrorDetail().Location, Message: sentence(d.ErrorDetail().Message)})
			}
		}
		if len(places) == 1 && places[0].Location != "" {
			message = places[0].Location + ": " + places[0].Message
		}
		return New(ctx, status, message, places)
	}
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return huma.NewErrorWithContext(nil, status, message, errs...)
	}
}

// sentence replaces Go's message about a value that passes the schema but does not fit the Go type,
// such as 1e1 for an integer.
func sentence(message string) string {
	if strings.HasPrefix(message, "json: ") {
		return "a value cannot be read: integers must fit into 64 bits and have no fraction or exponent"
	}
	return message
}

// storeRetry is when a client may try again to reach an object store.
const storeRetry = 10 * time.Second

// Of maps an error to the problem that the caller sees.
func Of(ctx context.Context, err error) *Problem {
	f, ok := fault.As(err)
	if refusal := database.Refusal(err); !ok && refusal != nil {
		f, ok = refusal, true
	}
	switch {
	case ok:
	case errors.Is(err, context.Canceled):
		f = fault.New(fault.Unavailable, "The request was cancelled").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		f = fault.New(fault.Unavailable, "The request timed out. Try again.").After(time.Second).Because(err)
	case database.IsUnstorable(err):
		f = fault.New(fault.Invalid, "A string contains the character U+0000 or is not valid UTF-8 and cannot be stored").Because(err)
	case database.IsUnavailable(err):
		f = fault.New(fault.Unavailable, "A database cannot be reached right now. Try again later.").After(time.Second).Because(err)
	case errors.Is(err, objects.ErrUnavailable):
		f = fault.New(fault.Unavailable, "The object store cannot be reached or is full. Try again later.").After(storeRetry).Because(err)
	default:
		f = fault.New(fault.Internal, "An internal error occurred. Quote the trace_id when you report it.").Because(err)
	}
	if f.Cause != nil {
		level := slog.LevelInfo // the caller's fault
		if f.Kind.Status() >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		slog.Log(ctx, level, "request failed", "status", f.Kind.Status(), "error", err)
	}
	p := New(ctx, f.Kind.Status(), f.Detail, f.Fields)
	if f.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int(max(1, f.RetryAfter.Seconds()))))
	}
	switch f.Kind {
	case fault.Unauthenticated:
		p.headers.Set("WWW-Authenticate", "Bearer") // RFC 6750 §3.1; the runtime adds error="invalid_token" if a token was sent
	case fault.StepUpRequired:
		p.headers.Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_user_authentication", max_age=%d`, int(policy.FreshProof.Seconds()))) // RFC 9470 §3
	}
	return p
}

// Write writes an error response, for an operation that writes its response itself and cannot
// return an error.
func Write(ctx context.Context, w http.ResponseWriter, err error) { Of(ctx, err).Write(w) }

// Set sets a header field of the response.
func (p *Problem) Set(name, value string) { p.headers.Set(name, value) }

// Write writes the response.
func (p *Problem) Write(w http.ResponseWriter) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
