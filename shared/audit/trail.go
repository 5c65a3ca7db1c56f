package audit

import "function/shared/database"

// Trail is the audit trail of one database.
type Trail string

// The trails.
const (
	UsersTrail     Trail = "users"
	DatasetsTrail  Trail = "datasets"
	AnalyticsTrail Trail = "analytics"
)

// Trails lists the trails.
var Trails = []Trail{UsersTrail, DatasetsTrail, AnalyticsTrail}

// Database returns the database that holds the trail.
func (t Trail) Database() database.Name {
	return map[Trail]database.Name{UsersTrail: database.Users, DatasetsTrail: database.Datasets, AnalyticsTrail: database.Analytics}[t]
}
