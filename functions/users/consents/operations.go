package consents

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
	GiveOperation = huma.Operation{
		OperationID: "users-give-consent", Method: http.MethodPost, Path: "/v1/users/consents",
		Summary: "Consent to a purpose", Tags: []string{users.Tag}, Security: function.Themselves(function.Person),
		Description: "The version is that of the text that you have read, which must be the newest.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	WithdrawOperation = huma.Operation{
		OperationID: "users-withdraw-consent", Method: http.MethodDelete, Path: "/v1/users/consents/{purpose}",
		Summary: "Withdraw a consent", Tags: []string{users.Tag}, Security: function.Themselves(function.Unready(function.Person)),
		Description: "At any time, also of a purpose that has been retired, of an organization that you have left or that demands something of you first (GDPR Article 7(3)). " +
			"It does no harm where there is no consent.",
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ListOperation = huma.Operation{
		OperationID: "users-list-own-consents", Method: http.MethodGet, Path: "/v1/users/consents",
		Summary: "What you have consented to", Tags: []string{users.Tag}, Security: function.Unready(function.Person),
		Description: "What you have said to the purposes of all your organizations, past ones too; and of the one that you act in, what you are asked for.",
		Errors:      []int{http.StatusUnauthorized},
	}
	HistoryOperation = huma.Operation{
		OperationID: "users-list-consent-history", Method: http.MethodGet, Path: "/v1/users/consents/history",
		Summary: "Every consent that you have given or withdrawn", Tags: []string{users.Tag}, Security: function.Unready(function.Person),
		Description: "In all your organizations, past ones too. With its proof: the text, by version and SHA-256, when, and from where.",
		Errors:      []int{http.StatusUnauthorized},
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
	Purpose        string    `path:"purpose" maxLength:"63"`
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Whose purpose it is; absent: the one that you act in"`
}

// Response is what holds now.
type Response struct{ Body users.ConsentState }

// ListRequest narrows the list.
type ListRequest struct {
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Only its purposes"`
}

// ListResponse is the state of every purpose: 100 of an organization at the most.
type ListResponse struct {
	Body struct {
		Items []users.ConsentState `json:"items" nullable:"false"`
	}
}

// HistoryRequest asks for one page.
type HistoryRequest struct {
	page.Query
	ListRequest
}

// HistoryResponse is one page.
type HistoryResponse struct {
	Body page.Page[users.ConsentDecision]
}
