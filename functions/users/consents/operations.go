package consents

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
)

// The HTTP operations.
var (
	GiveOperation = huma.Operation{
		OperationID: "users-give-consent", Method: http.MethodPost, Path: "/v1/users/consents",
		Summary: "Consent to a purpose", Tags: []string{users.Tag}, Security: function.Themselves(function.Person),
		Description: "The version is that of the text that you have read, which must be the newest.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	WithdrawOperation = huma.Operation{
		OperationID: "users-withdraw-consent", Method: http.MethodDelete, Path: "/v1/users/consents/{purpose}",
		Summary: "Withdraw a consent", Tags: []string{users.Tag}, Security: function.Themselves(function.Person),
		Description: "At any time, also of a purpose that has been retired (GDPR Article 7(3)). It does no harm where there is no consent.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-own-consents", Method: http.MethodGet, Path: "/v1/users/consents",
		Summary: "What you have consented to", Tags: []string{users.Tag}, Security: function.Person,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	HistoryOperation = huma.Operation{
		OperationID: "users-list-consent-history", Method: http.MethodGet, Path: "/v1/users/consents/history",
		Summary: "Every consent that you have given or withdrawn", Tags: []string{users.Tag}, Security: function.Person,
		Description: "With its proof: the text, by version and SHA-256, when, and from where.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
)

// GiveRequest is what the person agrees to.
type GiveRequest struct {
	Body struct {
		Purpose string `json:"purpose" maxLength:"63"`
		Version int    `json:"version" minimum:"1" maximum:"1000000" doc:"Of the text that the person has read"`
	}
}

// WithdrawRequest names a purpose.
type WithdrawRequest struct {
	Purpose string `path:"purpose" maxLength:"63"`
}

// Response is what holds now.
type Response struct{ Body users.ConsentState }

// ListResponse is the state of every purpose of the organization.
type ListResponse struct {
	Body struct {
		Items []users.ConsentState `json:"items" nullable:"false"`
	}
}

// HistoryRequest asks for one page.
type HistoryRequest struct{ page.Query }

// Decision is one yes or no, with its proof.
type Decision struct {
	ID         uuid.UUID  `json:"id" format:"uuid"`
	Purpose    string     `json:"purpose"`
	Version    int        `json:"version"`
	TextSHA256 string     `json:"text_sha256"`
	Given      bool       `json:"given" doc:"Or withdrawn"`
	DecidedAt  time.Time  `json:"decided_at"`
	SessionID  *uuid.UUID `json:"session_id,omitempty" format:"uuid" doc:"Absent: by a token of another issuer"`
	Address    string     `json:"address,omitempty" db:"-" doc:"From where"`
	Device     string     `json:"device,omitempty" db:"-" doc:"User-Agent"`
}

// HistoryResponse is one page.
type HistoryResponse struct{ Body page.Page[Decision] }
