package consents

import (
	"github.com/google/uuid"

	"function/functions/users/internal/privacy"
	"function/shared/page"
)

// GiveRequest identifies the text to which the person consents.
type GiveRequest struct {
	Body struct {
		Purpose string `json:"purpose" maxLength:"63"`
		Version int    `json:"version" minimum:"1" maximum:"1000000" doc:"Version of the text that the person has read"`
	}
}

// WithdrawRequest identifies a purpose.
type WithdrawRequest struct {
	Purpose        string    `path:"purpose" maxLength:"63"`
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Organization whose purpose it is. Default: the one that you act in"`
}

// Response is the resulting state.
type Response struct{ Body privacy.ConsentState }

// ListRequest filters the list.
type ListRequest struct {
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Only this organization's purposes"`
}

// ListResponse lists the state of each purpose, of which an organization has at most 100.
type ListResponse struct {
	Body struct {
		Items []privacy.ConsentState `json:"items" nullable:"false"`
	}
}

// HistoryRequest selects one page.
type HistoryRequest struct {
	page.Query
	ListRequest
}

// HistoryResponse is one page.
type HistoryResponse struct {
	Body page.Page[privacy.ConsentDecision]
}
