// Package cron tells when a cron expression is due. It runs whenever a report is scheduled and, in local runs, to
// wake functions as PingSources do.
//
// Times are civil times of a zone, and what daylight saving does to them follows ISC cron (Vixie's cron of 1993, as
// Debian has it). A schedule at given hours runs once for each of its times on every day: one that the clock skips
// runs when the skip ends, and one that the clock shows twice runs the first time only. A schedule of every hour, or
// of every nth (an hour field that begins with *), runs whenever the clock shows its time, as an interval would.
// In one point this is kinder than ISC cron, which drops */15 2 * * * on the day without a 2 o'clock.
package cron

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// searched is how far ahead a due time is looked for: 29 February is up to eight years away.
const searched = 9

// Schedule is a cron expression in a time zone.
type Schedule struct {
	minutes, hours, days, months, weekdays uint64 // a bit for each value
	eitherDay                              bool   // a day of the month or of the week suffices: neither is *
	everyHour                              bool
	location                               *time.Location
}

var (
	parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	macros = map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}
	emptyItem = regexp.MustCompile(`(?:^|[,\s]),|,(?:\s|$)`) // which the parser passes over
	errFields = errors.New("a cron expression has five fields: minute, hour, day of the month, month, day of the week")
)

// Parse reads five fields as crontab(5) describes them (names of months and days, ranges, steps, 0 and 7 for Sunday),
// or @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually.
func Parse(expression string, location *time.Location) (Schedule, error) {
	if five, ok := macros[strings.TrimSpace(expression)]; ok {
		expression = five
	}
	fields := strings.Fields(expression)
	if len(fields) != 5 || strings.Contains(expression, "=") || emptyItem.MatchString(expression) {
		return Schedule{}, errFields
	}
	parsed, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return Schedule{}, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Schedule{}, errFields
	}
	any := func(i int) bool { return strings.HasPrefix(fields[i], "*") || strings.HasPrefix(fields[i], "?") }
	return Schedule{
		minutes: spec.Minute, hours: spec.Hour, days: spec.Dom, months: spec.Month, weekdays: spec.Dow,
		eitherDay: !any(2) && !any(4), everyHour: any(1), location: location,
	}, nil
}

// Next is the first due time after t, to the minute, or the zero time if there is none within nine years.
func (s Schedule) Next(t time.Time) time.Time {
	limit := t.AddDate(searched, 0, 0)
	for from := t.Add(time.Nanosecond); from.Before(limit); { // through the stretches of time that have one offset from UTC
		start, end := from.In(s.location).ZoneBounds()
		offset := offsetAt(from, s.location)
		if !start.IsZero() && !s.everyHour {
			before := offsetAt(start.Add(-time.Nanosecond), s.location)
			shown := civil(start, before) // what the clock showed last before this stretch, and the start shows again or skips
			if t.Before(start) && before < offset {
				if due := s.first(shown, civil(start, offset)); !due.IsZero() {
					return start.In(t.Location())
				}
			}
			if again := start.Add(before - offset); before > offset && from.Before(again) {
				from = again
			}
		}
		until := limit
		if !end.IsZero() && end.Before(limit) {
			until = end
		}
		if due := s.first(civil(from, offset), civil(until, offset)); !due.IsZero() {
			return due.Add(-offset).In(t.Location())
		}
		from = until
	}
	return time.Time{}
}

func offsetAt(t time.Time, location *time.Location) time.Duration {
	_, seconds := t.In(location).Zone()
	return time.Duration(seconds) * time.Second
}

// civil is what a clock shows at t, as if it were in UTC.
func civil(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

// first is the first civil time from from on and before until that the fields name, or the zero time.
func (s Schedule) first(from, until time.Time) time.Time {
	t := from.Truncate(time.Minute)
	if t.Before(from) {
		t = t.Add(time.Minute)
	}
	for t.Before(until) {
		switch {
		case !has(s.months, int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case !has(s.hours, t.Hour()):
			t = t.Truncate(time.Hour).Add(time.Hour)
		case !has(s.minutes, t.Minute()):
			t = t.Add(time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

func (s Schedule) onDay(t time.Time) bool {
	day, weekday := has(s.days, t.Day()), has(s.weekdays, int(t.Weekday()))
	if s.eitherDay {
		return day || weekday
	}
	return day && weekday
}

func has(bits uint64, value int) bool { return bits>>value&1 == 1 }
