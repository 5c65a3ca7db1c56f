package s3

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/versity/versitygw/s3err"

	"function/functions/datasets/internal/s3keys"
	"function/shared/fault"
	"function/shared/trace"
)

// codes are S3's codes for the kinds of errors that have one.
var codes = map[fault.Kind]s3err.APIError{
	fault.Unauthenticated: {Code: "InvalidAccessKeyId", HTTPStatusCode: http.StatusForbidden},
	fault.Forbidden:       {Code: "AccessDenied", HTTPStatusCode: http.StatusForbidden},
	fault.NotFound:        {Code: "NoSuchKey", HTTPStatusCode: http.StatusNotFound},
	fault.Gone:            {Code: "NoSuchKey", HTTPStatusCode: http.StatusNotFound},
	fault.Conflict:        {Code: "OperationAborted", HTTPStatusCode: http.StatusConflict},
	fault.TooLarge:        {Code: "EntityTooLarge", HTTPStatusCode: http.StatusBadRequest},
	fault.Unavailable:     {Code: "SlowDown", HTTPStatusCode: http.StatusServiceUnavailable},
	fault.RateLimited:     {Code: "SlowDown", HTTPStatusCode: http.StatusServiceUnavailable},
}

// errorOf returns an error as S3 knows it, with the sentence for the caller. A cause that is not the caller's is logged.
func errorOf(ctx context.Context, err error) s3err.S3Error {
	if err == nil {
		return nil
	}
	var known s3err.S3Error
	if errors.As(err, &known) {
		return known
	}
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal {
		if ctx.Err() == nil {
			slog.ErrorContext(ctx, "S3 request failed", "error", err)
		}
		return s3err.GetAPIError(s3err.ErrInternalError)
	}
	answer, ok := codes[f.Kind]
	if !ok {
		answer = s3err.APIError{Code: "InvalidRequest", HTTPStatusCode: http.StatusBadRequest}
	}
	answer.Description = f.Detail
	switch {
	case errors.Is(err, s3keys.ErrExpired):
		answer.Code, answer.HTTPStatusCode = "ExpiredToken", http.StatusBadRequest
	case errors.Is(err, s3keys.ErrToken):
		answer.Code, answer.HTTPStatusCode = "InvalidToken", http.StatusBadRequest
	case errors.Is(err, errNoBucket):
		answer.Code = "NoSuchBucket"
	case errors.Is(err, errNoUpload):
		answer.Code = "NoSuchUpload"
	}
	return answer
}

// writeError answers a request that the gateway has not answered.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	answer := errorOf(r.Context(), err)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(answer.StatusCode())
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.XMLBody(trace.From(r.Context()).TraceID(), ""))
	}
}
