package report

import (
	"strings"
	"time"
	_ "time/tzdata" // containers may lack a time zone database

	"function/shared/cron"
	"function/shared/fault"
)

// Schedule determines when a report runs automatically.
type Schedule struct{ cron.Schedule }

// ParseSchedule parses a cron expression (see package cron) in a time zone of the IANA database.
func ParseSchedule(expression, timezone string) (Schedule, error) {
	location, err := time.LoadLocation(timezone)
	if err != nil || timezone == "" || timezone == "Local" {
		return Schedule{}, fault.At("body.timezone", "this time zone is unknown: use a name from the IANA database such as Europe/Berlin")
	}
	switch {
	case strings.Contains(expression, "="):
		return Schedule{}, fault.At("body.schedule", "the time zone is not part of the schedule: use the field timezone")
	case strings.HasPrefix(strings.TrimSpace(expression), "@every"):
		return Schedule{}, fault.At("body.schedule", "@every is not supported, because it has no defined start: use the five fields of cron")
	}
	parsed, err := cron.Parse(expression, location)
	if err != nil {
		return Schedule{}, fault.At("body.schedule", "this is not a cron expression with five fields: minute, hour, day of the month, month, day of the week")
	}
	s := Schedule{parsed}
	if s.After(time.Now()) == nil {
		return Schedule{}, fault.At("body.schedule", "this schedule is never due: there is no such day")
	}
	return s, nil
}

// After returns the first due time after t in UTC, or nil if the schedule is not due within nine years.
func (s Schedule) After(t time.Time) *time.Time {
	next := s.Next(t).UTC()
	if next.IsZero() {
		return nil
	}
	return &next
}

// shownRuns is how many upcoming due times a report shows.
const shownRuns = 5

// WithNextRuns returns the report with its upcoming due times filled in.
func WithNextRuns(r Report) Report {
	if r.Schedule == nil || r.NextRunAt == nil {
		return r
	}
	s, err := ParseSchedule(*r.Schedule, r.Timezone)
	if err != nil {
		return r // schedulereports unschedules it when it is due
	}
	for next := r.NextRunAt; next != nil && len(r.NextRuns) < shownRuns; next = s.After(*next) {
		r.NextRuns = append(r.NextRuns, next.UTC())
	}
	return r
}

// Latest returns the last due time that is not after now, given one due time. It searches back
// from now in growing steps, because a schedule of every minute may have been idle for years.
func (s Schedule) Latest(due, now time.Time) time.Time {
	for step := time.Hour; ; step *= 24 {
		from := now.Add(-step)
		if from.Before(due) {
			from = due
		}
		for next := s.After(from); next != nil && !next.After(now); next = s.After(*next) {
			due = *next
		}
		if !due.Before(from) {
			return due
		}
	}
}
