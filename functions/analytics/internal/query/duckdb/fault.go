package duckdb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"function/functions/analytics/internal/query"
	"function/shared/fault"
	"function/shared/sandbox"
)

// explain translates an error of the engine into a fault for the author of the query.
func explain(err error, original func(int) int, limits query.Limits, all, mentioned []table) error {
	var e *sandbox.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("query data sets: %w", err)
	}
	if e.Reason == sandbox.Timeout {
		return query.TooSlow(limits.Time)
	}
	position := e.Position
	if position > 0 {
		position = original(position)
	}
	if e.Reason == sandbox.UnknownTable {
		for _, t := range mentioned {
			if !t.ready() && strings.EqualFold(t.Name, e.Table) {
				return notReady(t)
			}
		}
		return query.Wrong(position, "%s %s", e.Detail, listed(all))
	}
	detail := e.Detail
	if e.Hint != "" {
		detail += " " + e.Hint
	}
	return query.Wrong(position, "%s", detail)
}

// notReady returns the error for a data set that has no queryable version yet, with what to do
// about it.
func notReady(t table) error {
	if t.Kind != "table" {
		return fault.New(fault.Conflict, "The data set %q holds %s and is not a table: SQL reads only data sets of the kind table", t.Name, t.Kind)
	}
	switch t.Status {
	case "draft":
		return fault.New(fault.Conflict, "The data set %q is empty: upload a file to it", t.Name)
	case "failed":
		return fault.New(fault.Conflict, "The file of the data set %q could not be read: see its failure for the reason and upload a corrected file", t.Name)
	}
	return fault.New(fault.Conflict, "The data set %q is still being prepared: try again when its status is ready", t.Name).After(5 * time.Second)
}

// maxListed limits how many table names an error message lists.
const maxListed = 20

func listed(all []table) string {
	var names []string
	for _, t := range all {
		if t.ready() {
			names = append(names, fmt.Sprintf("%q", t.Name))
		}
	}
	switch n := len(names); {
	case n == 0:
		return "No data set of your organization is ready to be queried."
	case n > maxListed:
		return fmt.Sprintf("The tables are your data sets: %s and %d more.", strings.Join(slices.Clip(names[:maxListed]), ", "), n-maxListed)
	}
	return "The tables are your data sets: " + strings.Join(names, ", ") + "."
}
