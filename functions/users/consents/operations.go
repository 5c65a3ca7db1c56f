package consents

import (
	"github.com/google/uuid"

	"function/functions/users/internal/privacy"

	"function/shared/page"
)

// GiveRequest is what the person agrees to.
type GiveRequest struct {
	Body struct {
		Purpose string `json:"purpose" maxLength:"63"`
		Version int    `json:"version" minimum:"1" maximum:"1000000" doc:"Version of the text that the person has read"`
	}
}

// WithdrawRequest names a purpose.
type WithdrawRequest struct {
	Purpose        string    `path:"purpose" maxLength:"63"`
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Organization whose purpose it is. Default: the one that you act in"`
}

// Response is what holds now.
type Response struct{ Body privacy.ConsentState }

// ListRequest narrows the list.
type ListRequest struct {
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Only this organization's purposes"`
}

// ListResponse is the state of every purpose: 100 of an organization at the most.
type ListResponse struct {
	Body struct {
		Items []privacy.ConsentState `json:"items" nullable:"false"`
	}
}

// HistoryRequest asks for one page.
type HistoryRequest struct {
	page.Query
	ListRequest
}

// HistoryResponse is one page.
type HistoryResponse struct {
	Body page.Page[privacy.ConsentDecision]
}
