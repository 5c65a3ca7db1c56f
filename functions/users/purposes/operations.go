package purposes

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/privacy"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-purposes", New,
	function.On(function.Post("users-create-purpose", "/v1/organizations/{id}/purposes", "Add a purpose for members to consent to", policy.PurposesWrite).
		Status(http.StatusCreated).Fails(fault.Conflict), (*Function).Create),
	function.On(function.Post("users-revise-purpose", "/v1/organizations/{id}/purposes/{name}/texts", "Publish a new version of a purpose's text", policy.PurposesWrite).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("Consents to earlier versions stay valid for those versions."), (*Function).Revise),
	function.On(function.Delete("users-retire-purpose", "/v1/organizations/{id}/purposes/{name}", "Retire a purpose", policy.PurposesWrite).
		Describe("It no longer accepts consents. Members who consented can still withdraw. The history is kept."), (*Function).Retire),
	function.On(function.Get("users-list-purposes", "/v1/organizations/{id}/purposes", "List your organization's purposes", policy.OrganizationsRead), (*Function).List),
	function.On(function.Get("users-list-purpose-texts", "/v1/organizations/{id}/purposes/{name}/texts", "List every version of a purpose's text", policy.OrganizationsRead), (*Function).Texts),
).
	Uses(function.Owns(database.Users))

// Limits of the purposes of an organization and of the versions of a purpose.
const (
	maxPurposes = 100
	maxTexts    = 100
)

// Text is the text that a person is asked to consent to.
type Text struct {
	Text string `json:"text" minLength:"1" maxLength:"20000" doc:"The text shown to members, in plain language (GDPR Article 7(2))"`
}

// CreateRequest describes the new purpose.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Name string `json:"name" pattern:"^[a-z][a-z0-9_]{1,62}$" patternDescription:"a lower-case name" example:"newsletter"`
		Text
	}
}

// ReviseRequest contains a purpose's new text.
type ReviseRequest struct {
	Request
	Body struct{ Text }
}

// Request identifies a purpose.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Name string    `path:"name" maxLength:"63"`
}

// ListRequest identifies an organization.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Response is a purpose.
type Response struct{ Body privacy.ConsentPurpose }

// ListResponse lists all purposes, at most 100, with retired ones last.
type ListResponse struct {
	Body struct {
		Items []privacy.ConsentPurpose `json:"items" nullable:"false"`
	}
}

// Version is one version of a purpose's text.
type Version struct {
	Version     int       `json:"version"`
	Text        string    `json:"text"`
	TextSHA256  string    `json:"text_sha256"`
	PublishedBy uuid.UUID `json:"published_by" format:"uuid"`
	PublishedAt time.Time `json:"published_at"`
}

// TextsResponse lists all versions, at most 100, newest first.
type TextsResponse struct {
	Body struct {
		Items []Version `json:"items" nullable:"false"`
	}
}
