package access

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Policy limits what readers of a table see. It applies to all but those whom it exempts; where several apply, each of
// them hides its rows and masks its columns.
type Policy struct {
	Name string `json:"name"`
	Rules
}

// Rules are what a policy hides, and from whom.
type Rules struct {
	Filter string    `json:"filter,omitempty" maxLength:"10000" doc:"A condition in the SQL of queries. Only rows for which it is true are visible. It may use the columns of the table, and about the reader caller.user_id, caller.organization_id, caller.roles and caller.teams (lists of text)" example:"region = 'EU' OR list_contains(caller.roles, 'analyst')"`
	Masks  []Mask    `json:"masks,omitempty" maxItems:"200" doc:"Columns whose values are replaced"`
	Exempt Exemption `json:"exempt,omitempty" doc:"Who sees the table as if there were no policy"`
}

// Exemption lists readers.
type Exemption struct {
	Roles []string    `json:"roles,omitempty" maxItems:"50" doc:"Roles in the organization that owns the data set" example:"[\"compliance_officer\"]"`
	Teams []uuid.UUID `json:"teams,omitempty" maxItems:"200" doc:"Teams, with the teams in them"`
	Users []uuid.UUID `json:"users,omitempty" maxItems:"200" doc:"People and service accounts"`
}

// exempts reports whether the policy of a data set of an organization does not apply to a reader.
func (p Policy) exempts(r Reader, owner uuid.UUID) bool {
	role := func(role string) bool { return r.Organization == owner && slices.Contains(p.Exempt.Roles, role) }
	team := func(team uuid.UUID) bool { return slices.Contains(p.Exempt.Teams, team) }
	return slices.ContainsFunc(r.roles, role) || slices.ContainsFunc(r.teams, team) || r.User != nil && slices.Contains(p.Exempt.Users, *r.User)
}

// How a mask replaces values. NULL stays NULL.
const (
	Null       = "null"
	Hash       = "hash"
	Partial    = "partial"
	Generalize = "generalize"
)

// Mask replaces the values of a column.
type Mask struct {
	Column    string  `json:"column" minLength:"1" maxLength:"1000"`
	With      string  `json:"with" enum:"null,hash,partial,generalize" doc:"null: NULL. hash: a keyed hash in hexadecimal (HMAC-SHA-256, truncated), so that equal values of the data set stay equal. partial: asterisks, except for some characters at the ends. generalize: the beginning of a text, the multiple of a step below a number, or the beginning of a period"`
	KeepFirst int     `json:"keep_first,omitempty" minimum:"0" maximum:"100" doc:"For partial, and for generalize of a text: characters at the beginning to keep"`
	KeepLast  int     `json:"keep_last,omitempty" minimum:"0" maximum:"100" doc:"For partial: characters at the end to keep"`
	Step      *string `json:"step,omitempty" pattern:"^[0-9]{1,18}(\\.[0-9]{1,9})?$" patternDescription:"a positive decimal number" doc:"For generalize of a number" example:"1000"`
	Period    string  `json:"period,omitempty" enum:"day,week,month,quarter,year" doc:"For generalize of a date or a time"`
}

// strength orders masks: of several for one column, the strongest is applied.
var strength = []string{"", Partial, Generalize, Hash, Null}

// stronger returns the mask that applies if both do. Two that differ otherwise hide the value.
func stronger(a, b Mask) Mask {
	switch i, j := slices.Index(strength, a.With), slices.Index(strength, b.With); {
	case i > j:
		return a
	case i < j:
		return b
	case a.same(b):
		return a
	}
	return Mask{Column: a.Column, With: Null}
}

func (m Mask) same(other Mask) bool {
	equalSteps := m.Step == nil && other.Step == nil || m.Step != nil && other.Step != nil && *m.Step == *other.Step
	return strings.EqualFold(m.Column, other.Column) && m.With == other.With && m.KeepFirst == other.KeepFirst && m.KeepLast == other.KeepLast && equalSteps && m.Period == other.Period
}
