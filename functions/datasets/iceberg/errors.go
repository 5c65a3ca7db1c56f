package iceberg

import (
	"context"
	"net/http"
	"strings"

	"function/functions/datasets/internal/dataset"
	"function/shared/fault"
)

var (
	errNoNamespace = fault.New(fault.NotFound, "Namespace does not exist: the namespaces are datasets and shared")
	errUnsupported = fault.New(fault.NotAcceptable, "This operation of Iceberg catalogues is not supported: tables can be created, written and dropped, and all else is done with the API of the platform (/v1/datasets)")
)

// Clients know these errors by how they begin.
const (
	noTable     = "Table does not exist: "
	tableExists = "Table already exists: "
)

func (n *TableName) errNotFound() *fault.Error {
	return fault.New(fault.NotFound, noTable+"%s. The namespace has no table with this name and a ready version: list the tables of the namespace datasets or shared", n)
}

func (n *TableName) errExists() *fault.Error {
	return fault.New(fault.Conflict, tableExists+"%s. Choose another name, or drop it first", n)
}

// String returns the name as clients write it.
func (n *TableName) String() string {
	if tableName.MatchString(n.Namespace) && tableName.MatchString(n.Table) {
		return n.Namespace + "." + n.Table
	}
	return fault.Excerpt(n.Namespace + "." + n.Table)
}

func isNotFound(err error) bool {
	f, ok := fault.As(err)
	return ok && f.Kind == fault.NotFound
}

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
	case strings.HasPrefix(detail, tableExists), detail == dataset.ErrNameTaken.Detail:
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
