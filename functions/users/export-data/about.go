package exportdata

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const introduction = `This is what the platform holds about you, as of the moment at which it was written.

The files are JSON (RFC 8259). Each is an array, except about.json, which says why your
data is processed, on what legal basis, who receives it and how long it is kept. Times are
UTC (RFC 3339); countries are ISO 3166-1 alpha-2. Later versions may add fields.
`

const notHere = `
What is not here: passwords, codes and keys, of which only what checks them is kept; mails,
of which nothing is kept once they are sent; and whatever is about other people, such as who
in an organization did something to your account. What you uploaded, and the reports that
you defined, belong to your organizations, from which you can download them while you are a
member; that you made them is in activity.json. Statistics of logins in the analytics
database repeat sessions.json: who, where and when. Invitations and what provisioning
systems say about your address are here once you have confirmed that the address is yours.
`

// processingPurpose describes one purpose of processing (GDPR Articles 13 to 15).
type processingPurpose struct {
	Purpose    string `json:"purpose"`
	LegalBasis string `json:"legal_basis"` // of Article 6(1)
	Data       string `json:"data"`
	Recipients string `json:"recipients"`
	Kept       string `json:"kept"`
}

var processing = []processingPurpose{
	{"To keep your account and log you in", "contract (b)", "account.json, second_factors.json, identities.json, api_keys.json", "You; platform admins who help you", "Until you erase the account"},
	{"To let you act in organizations, within the rights that they give you", "contract (b)", "organizations.json, invitations.json, provisioned.json", "The members of each organization, by its roles", "Until you leave the organization, or it is deleted"},
	{"To protect accounts from others", "legitimate interest (f)", "sessions.json, failed logins", "You; platform admins see neither address nor device", "See retention; failures a day"},
	{"To prove who did what", "legal obligation (c), legitimate interest (f)", "activity.json: identifiers, and networks instead of addresses", "Those who may read the trail of the organization, and platform admins", "Permanently; after an erasure the identifier can no longer be linked to you"},
	{"What you consented to, as the texts say", "consent (a)", "consents.json", "The organization whose purpose it is", "The decisions until you erase the account or the organization is deleted"},
	{"Statistics of logins for the organization", "legitimate interest (f)", "When you logged in to the organization, by identifier", "Members of the organization who may query", "Until you erase the account"},
	{"To tell you what happens to your account", "contract (b)", "Your address and the mail", "The mail server of the platform", "Until the mail is sent, at most 8 days"},
}

// about is the content of about.json.
type about struct {
	PersonID   uuid.UUID           `json:"person_id"`
	Processing []processingPurpose `json:"processing"`
	Retention  []retention         `json:"retention"`
	Source     string              `json:"source"`
	Automated  string              `json:"automated_decisions"`
	Rights     string              `json:"rights"`
}

// retention says how long a resource is kept after it has ended.
type retention struct {
	Resource       string     `json:"resource"`
	OrganizationID *uuid.UUID `json:"organization_id,omitempty"` // absent: the default for all organizations
	Days           int        `json:"days"`
}

const selectRetention = `
SELECT resource, nullif(organization_id, '00000000-0000-0000-0000-000000000000'::uuid) AS organization_id, keep_days AS days FROM published.retention
WHERE organization_id = '00000000-0000-0000-0000-000000000000' OR organization_id IN (SELECT organization_id FROM memberships WHERE user_id = $1)
ORDER BY resource, organization_id NULLS FIRST`

func (x *export) processing(ctx context.Context) (about, error) {
	a := about{
		PersonID: x.person, Processing: processing,
		Source:    "You, your organizations (provisioned.json, invitations.json), and the requests that you sent",
		Automated: "None, and no profiling (Article 22). Logins are delayed after wrong passwords, whoever enters them.",
		Rights: "To rectify (PATCH /v1/users/profile), to erase (DELETE /v1/users/profile), to withdraw consents (DELETE /v1/users/consents/{purpose}); " +
			"to request restriction or to object, write to the platform's operator. You can lodge a complaint with a supervisory authority (Article 77).",
	}
	rows, _ := x.store.DB.Query(ctx, selectRetention, x.person)
	var err error
	if a.Retention, err = pgx.CollectRows(rows, pgx.RowToStructByName[retention]); err != nil {
		return a, fmt.Errorf("read retention: %w", err)
	}
	return a, nil
}
