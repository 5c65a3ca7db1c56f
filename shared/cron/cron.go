// Package cron computes when a cron expression is due. Reports use it for their schedules, and the
// local platform to call functions as PingSources do.
//
// Times are civil times of a time zone. Daylight saving is handled as in ISC cron (Vixie's cron of
// 1993, as in Debian). A schedule at given hours runs once for each of its times on every day: a
// time that the clock skips runs when the skip ends, and a time that occurs twice runs only the
// first time. A schedule for every hour or every nth hour (an hour field that begins with *) runs
// whenever the clock shows its time, like an interval. There is one difference: ISC cron drops */15
// 2 * * * on the day without a 2 o'clock; this package runs it when the skip ends.
package cron

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// searched is how many years ahead Next looks: 29 February can be eight years away.
const searched = 9

// Schedule is a cron expression in a time zone.
type Schedule struct {
	minutes, hours, days, months, weekdays uint64 // a bit per value
	eitherDay                              bool   // a matching day of the month or of the week suffices, since neither field is *
	everyHour                              bool
	location                               *time.Location
}

var (
	parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	macros = map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}
	emptyItem = regexp.MustCompile(`(?:^|[,\s]),|,(?:\s|$)`) // the parser ignores empty items
	errFields = errors.New("a cron expression has five fields: minute, hour, day of the month, month, day of the week")
)

// Parse parses five fields in the syntax of crontab(5) (names of months and days, ranges, steps, 0
// and 7 for Sunday), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually.
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

// Next returns the first due time after t, to the minute, or the zero time if there is none within
// nine years.
func (s Schedule) Next(t time.Time) time.Time {
	limit := t.AddDate(searched, 0, 0)
	for from := t.Add(time.Nanosecond); from.Before(limit); { // step through the periods with a constant UTC offset
		start, end := from.In(s.location).ZoneBounds()
		offset := offsetAt(from, s.location)
		if !start.IsZero() && !s.everyHour {
			before := offsetAt(start.Add(-time.Nanosecond), s.location)
			shown := civil(start, before) // the clock at the end of the previous period; the new period repeats or skips the times from here
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

// civil returns the time that a clock shows at t, represented in UTC.
func civil(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

// first returns the first civil time in [from, until) that matches the fields, or the zero time.
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
