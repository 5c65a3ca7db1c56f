// Package fault defines the errors that a caller may see: a kind, a sentence, and the fields at
// fault. All other errors are internal: they are logged once with their cause and not shown to
// callers.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind is the kind of an error, from the caller's point of view.
type Kind int

// The kinds, each with its HTTP status (RFC 9110 §15).
const (
	Internal           Kind = iota // 500: our fault; the sentence is fixed and the cause is logged
	Malformed                      // 400: cannot be parsed
	Unauthenticated                // 401: the caller is unknown
	StepUpRequired                 // 401: the caller is known but must give a fresh proof (RFC 9470)
	Forbidden                      // 403: the caller lacks the right
	NotFound                       // 404: does not exist or belongs to somebody else
	NotAcceptable                  // 406: the protocol has the operation or the value, but it is not supported here
	Conflict                       // 409: conflicts with the current state
	Gone                           // 410: existed, and will not exist again
	PreconditionFailed             // 412: changed since it was read (If-Match)
	TooLarge                       // 413: exceeds a size limit
	Unsupported                    // 415: media type or format not supported
	Unsatisfiable                  // 416: range not satisfiable
	Invalid                        // 422: can be parsed but is invalid
	RateLimited                    // 429: too many requests
	BadGateway                     // 502: another function failed halfway
	Unavailable                    // 503: a retry may succeed
)

var statuses = map[Kind]int{
	Internal:           http.StatusInternalServerError,
	Malformed:          http.StatusBadRequest,
	Unauthenticated:    http.StatusUnauthorized,
	StepUpRequired:     http.StatusUnauthorized,
	Forbidden:          http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	NotAcceptable:      http.StatusNotAcceptable,
	Conflict:           http.StatusConflict,
	Gone:               http.StatusGone,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	Unsupported:        http.StatusUnsupportedMediaType,
	Unsatisfiable:      http.StatusRequestedRangeNotSatisfiable,
	Invalid:            http.StatusUnprocessableEntity,
	RateLimited:        http.StatusTooManyRequests,
	BadGateway:         http.StatusBadGateway,
	Unavailable:        http.StatusServiceUnavailable,
}

// Status returns the HTTP status of a kind.
func (k Kind) Status() int { return statuses[k] }

// Field is one problem with a request and its location, a JSON path such as body.email. It never
// contains the offending value, which may be a secret.
type Field struct {
	Location string `json:"location" doc:"Path of the field, such as body.email or query.limit" example:"body.email"`
	Message  string `json:"message" doc:"What is wrong with it" example:"expected string to be RFC 5322 email"`
}

// Error is an error with a sentence that the caller may read.
type Error struct {
	Kind       Kind
	Detail     string        // one sentence: what is wrong and what to do
	Fields     []Field       // the fields at fault, if any
	RetryAfter time.Duration // for RateLimited and Unavailable
	Cause      error         // for the log only
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Detail + ": " + e.Cause.Error()
	}
	return e.Detail
}

func (e *Error) Unwrap() error { return e.Cause }

// New returns an error of a kind with a sentence for the caller.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// At returns an Invalid error about one location in the request, such as body.schedule.
func At(location, format string, args ...any) *Error {
	message := fmt.Sprintf(format, args...)
	return &Error{Kind: Invalid, Detail: message, Fields: []Field{{Location: location, Message: message}}}
}

// Because sets the cause, for the log.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// After sets when to retry.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// As finds an Error in err's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
