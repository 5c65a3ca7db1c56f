// Package trace follows a request through functions, events and logs by its W3C Trace Context
// (https://www.w3.org/TR/trace-context/). Each request continues or begins a trace, each event
// carries it, and each log record contains it.
package trace

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"regexp"
)

// Parent is the value of a `traceparent` header: version-traceid-spanid-flags.
type Parent string

var (
	format  = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
	invalid = regexp.MustCompile(`^ff|-0{32}-|-0{16}-`) // versions and identifiers that the standard forbids
)

// Parse parses a traceparent header. An invalid or empty one begins a new trace.
func Parse(header string) Parent {
	if format.MatchString(header) && !invalid.MatchString(header) {
		return Parent(header)
	}
	id := make([]byte, 24)
	rand.Read(id)
	return Parent("00-" + hex.EncodeToString(id[:16]) + "-" + hex.EncodeToString(id[16:]) + "-01")
}

// TraceID returns the identifier of the trace: 32 hex digits.
func (p Parent) TraceID() string {
	if p == "" {
		return ""
	}
	return string(p[3:35])
}

type key struct{}

// With returns a context that carries the trace.
func With(ctx context.Context, p Parent) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// From returns the trace in a context, or an empty one outside a request.
func From(ctx context.Context) Parent {
	p, _ := ctx.Value(key{}).(Parent)
	return p
}

// Handler adds the trace to every log record.
type Handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h Handler) Handle(ctx context.Context, r slog.Record) error {
	if p := From(ctx); p != "" {
		r.AddAttrs(slog.String("trace_id", p.TraceID()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return Handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h Handler) WithGroup(name string) slog.Handler { return Handler{h.Handler.WithGroup(name)} }
