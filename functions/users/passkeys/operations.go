package passkeys

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
)

// The HTTP operations.
var (
	BeginOperation = huma.Operation{
		OperationID: "users-begin-passkey-registration", Method: http.MethodPost, Path: "/v1/users/passkeys/register/begin",
		Summary: "Begin to make a passkey", Tags: []string{users.Tag}, Security: function.FreshPerson,
		Errors: []int{http.StatusUnauthorized},
	}
	FinishOperation = huma.Operation{
		OperationID: "users-finish-passkey-registration", Method: http.MethodPost, Path: "/v1/users/passkeys/register/finish",
		Summary: "Store the passkey that your device has made", Tags: []string{users.Tag}, Security: function.FreshPerson,
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusConflict},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-passkeys", Method: http.MethodGet, Path: "/v1/users/passkeys",
		Summary: "Your passkeys", Tags: []string{users.Tag}, Security: function.Person,
		Errors: []int{http.StatusUnauthorized},
	}
	RenameOperation = huma.Operation{
		OperationID: "users-rename-passkey", Method: http.MethodPatch, Path: "/v1/users/passkeys/{id}",
		Summary: "Rename a passkey", Tags: []string{users.Tag}, Security: function.Person,
		Errors: []int{http.StatusUnauthorized, http.StatusNotFound},
	}
	DeleteOperation = huma.Operation{
		OperationID: "users-delete-passkey", Method: http.MethodDelete, Path: "/v1/users/passkeys/{id}",
		Summary: "Delete a passkey", Tags: []string{users.Tag}, Security: function.FreshPerson,
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(BeginOperation, (*Function).Begin),
	function.On(FinishOperation, (*Function).Finish),
	function.On(ListOperation, (*Function).List),
	function.On(RenameOperation, (*Function).Rename),
	function.On(DeleteOperation, (*Function).Delete),
}

// Named is a passkey's name in a request.
type Named struct {
	Name string `json:"name" minLength:"1" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]+$" patternDescription:"text without control characters"`
}

// BeginResponse is what the browser needs.
type BeginResponse struct{ Body users.Ceremony }

// FinishRequest is what the browser has made.
type FinishRequest struct {
	Body struct {
		Named
		users.Assertion
	}
}

// FinishResponse is the new passkey.
type FinishResponse struct {
	Body struct {
		users.PasskeyInfo
		RecoveryCodes []string `json:"recovery_codes,omitempty" doc:"Shown this once, with the first second factor: each completes one login without it"`
	}
}

// ListRequest asks for one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[users.PasskeyInfo] }

// Request names a passkey.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// RenameRequest is the new name.
type RenameRequest struct {
	Request
	Body Named
}

// RenameResponse is the passkey.
type RenameResponse struct{ Body users.PasskeyInfo }
