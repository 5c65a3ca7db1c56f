package purposes

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

// The HTTP operations.
var (
	CreateOperation = huma.Operation{
		OperationID: "users-create-purpose", Method: http.MethodPost, Path: "/v1/organizations/{id}/purposes",
		Summary: "Add a purpose that members are asked to consent to", Tags: []string{users.Tag}, Security: function.Needs(policy.PurposesWrite),
		DefaultStatus: http.StatusCreated,
		Errors:        []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	ReviseOperation = huma.Operation{
		OperationID: "users-revise-purpose", Method: http.MethodPost, Path: "/v1/organizations/{id}/purposes/{name}/texts",
		Summary: "Publish a new version of a purpose's text", Tags: []string{users.Tag}, Security: function.Needs(policy.PurposesWrite),
		Description: "Consents to earlier versions stay what they are: to that text.", DefaultStatus: http.StatusCreated,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	RetireOperation = huma.Operation{
		OperationID: "users-retire-purpose", Method: http.MethodDelete, Path: "/v1/organizations/{id}/purposes/{name}",
		Summary: "Stop asking for a purpose", Tags: []string{users.Tag}, Security: function.Needs(policy.PurposesWrite),
		Description: "Nobody can consent any more; those who did can still withdraw. The history stays.", DefaultStatus: http.StatusNoContent,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-purposes", Method: http.MethodGet, Path: "/v1/organizations/{id}/purposes",
		Summary: "The purposes of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	TextsOperation = huma.Operation{
		OperationID: "users-list-purpose-texts", Method: http.MethodGet, Path: "/v1/organizations/{id}/purposes/{name}/texts",
		Summary: "Every version of a purpose's text", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
)

// maxPurposes bounds the purposes of an organization, maxTexts the versions of one.
const (
	maxPurposes = 100
	maxTexts    = 100
)

// Text is what a person is asked to agree to.
type Text struct {
	Text string `json:"text" minLength:"1" maxLength:"20000" doc:"As people read it, in plain language (GDPR Article 7(2))"`
}

// CreateRequest is a purpose.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name string `json:"name" pattern:"^[a-z][a-z0-9_]{1,62}$" patternDescription:"a lower-case name" example:"newsletter"`
		Text
	}
}

// ReviseRequest is a purpose's next text.
type ReviseRequest struct {
	Request
	Body struct{ Text }
}

// Request names a purpose.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" maxLength:"63"`
}

// ListRequest names an organization.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is a purpose.
type Response struct{ Body users.ConsentPurpose }

// ListResponse is every purpose, the retired ones last: there are 100 at the most.
type ListResponse struct {
	Body struct {
		Items []users.ConsentPurpose `json:"items" nullable:"false"`
	}
}

// Version is one text of a purpose.
type Version struct {
	Version     int       `json:"version"`
	Text        string    `json:"text"`
	TextSHA256  string    `json:"text_sha256"`
	PublishedBy uuid.UUID `json:"published_by" format:"uuid"`
	PublishedAt time.Time `json:"published_at"`
}

// TextsResponse is every text, the newest first: there are 100 at the most.
type TextsResponse struct {
	Body struct {
		Items []Version `json:"items" nullable:"false"`
	}
}
