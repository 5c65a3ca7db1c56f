// Package access decides which data sets a caller may read, and which of their rows and columns.
//
// Which data sets: those of the caller's organization, except for restricted ones, and those that are shared with the
// caller, a team of the caller, or the caller's organization. The function may_read in the database decides it.
//
// What of them: the policies of a data set hide rows and mask columns. Whatever shows rows to a caller first writes
// the caller's [View] of the table to a file and then reads only that, as if the rest did not exist. So neither the SQL of a
// query nor an error message can reveal what a policy hides.
package access

import (
	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/policy"
)

// Reader is whoever reads data sets. Its JSON is the argument of the database's functions.
type Reader struct {
	Organization uuid.UUID   `json:"organization"`
	User         *uuid.UUID  `json:"user"`       // person or service account; nil: nobody in particular
	Principals   []uuid.UUID `json:"principals"` // to whom data sets may be shared: user, teams, organization
	Governs      bool        `json:"governs"`    // may read restricted data sets

	roles []string
	teams []uuid.UUID
}

// Of returns the caller as a reader. The caller acts in an organization.
func Of(c auth.Caller) Reader {
	return Reader{
		Organization: c.OrganizationID,
		User:         &c.UserID,
		Principals:   append([]uuid.UUID{c.UserID, c.OrganizationID}, c.Teams...),
		Governs:      policy.Covers(c.Subject, []policy.Permission{policy.DatasetsGovern}),
		roles:        c.Roles,
		teams:        c.Teams,
	}
}

// Everyone returns a reader who may read what every member of an organization may. What is computed once and shown to
// many, such as a report, reads data sets as everyone.
func Everyone(organization uuid.UUID) Reader {
	return Reader{Organization: organization, Principals: []uuid.UUID{organization}}
}

// Platform returns the platform itself as a reader, for work that somebody has requested who was allowed to.
func Platform(organization uuid.UUID) Reader {
	return Reader{Organization: organization, Governs: true}
}
