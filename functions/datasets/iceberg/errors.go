package iceberg

import (
	"context"
	"net/http"

	"function/functions/datasets/internal/dataset"
	"function/shared/fault"
)

var (
	errNoNamespace = fault.New(fault.NotFound, "There is no namespace with this name: the namespaces are datasets and shared")
	errNoTable     = fault.New(fault.NotFound, "There is no table with this name in this namespace, or it has no version that is ready")
	errUnsupported = fault.New(fault.NotAcceptable, "This operation of Iceberg catalogues is not supported: tables can be created, written and dropped, and all else is done with the API of the platform (/v1/datasets)")
)

// ErrorModel is an error as the specification writes it.
type ErrorModel struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Code    int    `json:"code"`
}

// errorTypes are the names of exceptions that clients know.
var errorTypes = map[int]string{
	http.StatusUnauthorized:       "NotAuthorizedException",
	http.StatusForbidden:          "ForbiddenException",
	http.StatusNotFound:           "NoSuchTableException",
	http.StatusConflict:           "CommitFailedException",
	http.StatusNotAcceptable:      "UnsupportedOperationException",
	http.StatusServiceUnavailable: "ServiceUnavailableException",
}

func errorModel(status int, detail string) any {
	name, ok := errorTypes[status]
	switch {
	case detail == errNoNamespace.Detail:
		name = "NoSuchNamespaceException"
	case detail == errExists.Detail, detail == dataset.ErrNameTaken.Detail:
		name = "AlreadyExistsException"
	case !ok && status >= http.StatusInternalServerError:
		name = "InternalServerError"
	case !ok:
		name = "BadRequestException"
	}
	return ErrorModel{detail, name, status}
}

// oauthError returns the code of an error (RFC 6749 §5.2).
func oauthError(status int, _ string) any {
	switch {
	case status == http.StatusUnauthorized:
		return "invalid_client"
	case status >= http.StatusInternalServerError:
		return "server_error"
	}
	return "invalid_request"
}

// WriteRequest is a request that is not supported and not read.
type WriteRequest struct{}

// Write refuses a request.
func (f *Function) Write(context.Context, *WriteRequest) (*struct{}, error) {
	return nil, errUnsupported
}
