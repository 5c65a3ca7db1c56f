// Package fault is the error a caller may see: a kind, a sentence, and the
// places at fault. Everything else that goes wrong is internal, is logged once
// with its cause, and reaches nobody outside.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind is what went wrong, from the caller's point of view.
type Kind int

// The kinds and the HTTP status each is answered with (RFC 9110 §15).
const (
	Internal           Kind = iota // 500: ours; the sentence is fixed, the cause is logged
	Malformed                      // 400: cannot be parsed
	Unauthenticated                // 401: who is calling is not known
	StepUpRequired                 // 401: known, and needs a fresh proof of it (RFC 9470)
	Forbidden                      // 403: known, and may not
	NotFound                       // 404: does not exist, or is somebody else's
	Conflict                       // 409: contradicts the present state
	PreconditionFailed             // 412: has changed since it was read (If-Match)
	TooLarge                       // 413: more than the limit
	Unsupported                    // 415: a media type or format that is not read
	Unsatisfiable                  // 416: a range that lies outside
	Invalid                        // 422: parsed, and wrong
	RateLimited                    // 429: too often
	BadGateway                     // 502: another function failed half-way
	Unavailable                    // 503: a retry may succeed
)

var statuses = map[Kind]int{
	Internal:           http.StatusInternalServerError,
	Malformed:          http.StatusBadRequest,
	Unauthenticated:    http.StatusUnauthorized,
	StepUpRequired:     http.StatusUnauthorized,
	Forbidden:          http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	Conflict:           http.StatusConflict,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	Unsupported:        http.StatusUnsupportedMediaType,
	Unsatisfiable:      http.StatusRequestedRangeNotSatisfiable,
	Invalid:            http.StatusUnprocessableEntity,
	RateLimited:        http.StatusTooManyRequests,
	BadGateway:         http.StatusBadGateway,
	Unavailable:        http.StatusServiceUnavailable,
}

// Status is the HTTP status of a kind.
func (k Kind) Status() int { return statuses[k] }

// Field is one thing that is wrong with a request, and where: a JSON path such
// as body.email. It never holds the offending value, which may be a secret.
type Field struct {
	Location string `json:"location" doc:"Path of the field, such as body.email or query.limit" example:"body.email"`
	Message  string `json:"message" doc:"What is wrong with it" example:"expected string to be RFC 5322 email"`
}

// Error is a failure with a sentence that is safe for the caller to read.
type Error struct {
	Kind       Kind
	Detail     string        // one sentence: what is wrong, what to do
	Fields     []Field       // where, if in the request
	RetryAfter time.Duration // with Limited and Unavailable
	Cause      error         // for the log only
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Detail + ": " + e.Cause.Error()
	}
	return e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind with the sentence that the caller reads.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// At makes an Invalid error about one place of the request, such as body.schedule.
func At(location, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{Kind: Invalid, Detail: message, Fields: []Field{{Location: location, Message: message}}}
}

// Because records the cause, for the log.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// After says when a retry makes sense.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// As finds the Error in a chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
