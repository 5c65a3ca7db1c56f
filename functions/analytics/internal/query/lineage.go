package query

import "function/shared/events"

// Lineage says from what a result was computed.
type Lineage struct {
	Versions []events.VersionRead
	Columns  []events.ColumnRead // none if they cannot be found
}
