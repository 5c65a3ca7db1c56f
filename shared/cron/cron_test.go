package cron_test

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"function/shared/cron"
)

func schedule(t *testing.T, expression, zone string) (cron.Schedule, *time.Location) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cron.Parse(expression, location)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return s, location
}

func TestNext_KnownTransitions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, zone, after, want string }{
		{"30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z 2027-03-29T00:30:00Z"}, // no 2:30: at 3:00
		{"30 2 28 3 *", "Europe/Berlin", "2026-11-29T00:00:00Z", "2027-03-28T01:00:00Z 2028-03-28T00:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-10-31T00:30:00Z 2027-11-01T01:30:00Z"}, // 2:30 twice: the first
		{"0,30 2,3 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z 2027-03-28T01:30:00Z 2027-03-29T00:00:00Z"},
		{"*/15 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z 2027-03-29T00:00:00Z"},
		{"@daily", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z 2026-04-24T21:00:00Z"}, // midnight is skipped
		{"0 0 * * 5", "Africa/Cairo", "2026-04-20T12:00:00Z", "2026-04-23T22:00:00Z 2026-04-30T21:00:00Z"},
		{"@daily", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z 2026-09-07T03:00:00Z"},
		{"@daily", "America/Santiago", "2026-04-03T12:00:00Z", "2026-04-04T03:00:00Z 2026-04-05T04:00:00Z"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z"},
		{"0 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-28T01:00:00Z 2027-03-28T02:00:00Z"},
		{"0 * * * *", "Europe/Berlin", "2027-10-30T23:59:59Z", "2027-10-31T00:00:00Z 2027-10-31T01:00:00Z 2027-10-31T02:00:00Z"},
		{"*/30 * * * *", "Europe/Berlin", "2027-10-31T00:00:00Z", "2027-10-31T00:30:00Z 2027-10-31T01:00:00Z"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z"}, // no 30 December
		{"0 12 * * 7", "UTC", "2026-11-29T12:00:00Z", "2026-12-06T12:00:00Z"},
		{"0 12 * * 0", "UTC", "2026-11-29T12:00:00Z", "2026-12-06T12:00:00Z"},
		{"0 12 * * SAT-SUN", "UTC", "2026-11-29T12:00:00Z", "2026-12-05T12:00:00Z 2026-12-06T12:00:00Z"},
		{"0 12 * * 5-7", "UTC", "2026-11-29T12:00:00Z", "2026-12-04T12:00:00Z 2026-12-05T12:00:00Z 2026-12-06T12:00:00Z 2026-12-11T12:00:00Z"},
		{"0 0 13 * FRI", "UTC", "2026-11-29T00:00:00Z", "2026-12-04T00:00:00Z 2026-12-11T00:00:00Z 2026-12-13T00:00:00Z"},
		{"0 0 */2 * FRI", "UTC", "2026-11-29T00:00:00Z", "2026-12-11T00:00:00Z"},
		{"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"0 0 31 2 *", "UTC", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		s, _ := schedule(t, test.expression, test.zone)
		at, err := time.Parse(time.RFC3339, test.after)
		if err != nil {
			t.Fatal(err)
		}
		for want := range strings.FieldsSeq(test.want) {
			if at = s.Next(at); at.Format(time.RFC3339) != want {
				t.Errorf("%s in %s: %s, want %s", test.expression, test.zone, at.Format(time.RFC3339), want)
				break
			}
		}
	}
}

// zones returns all time zones that Go knows, or some if Go's sources are missing.
func zones(t *testing.T) []string {
	t.Helper()
	found := []string{"UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Africa/Casablanca", "America/Santiago", "America/Sao_Paulo",
		"America/Havana", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran", "Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Apia", "Pacific/Chatham",
		"Pacific/Easter", "Antarctica/Troll", "America/St_Johns", "Europe/Dublin", "Atlantic/Azores", "America/Asuncion", "Asia/Amman"}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Log(err) // no copy of Go's sources
		return found
	}
	defer archive.Close()
	for _, file := range archive.File {
		found = append(found, file.Name)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// On the days around every transition from 2010 to 2032, each day has one run for each of the
// schedule's times, at its time or at the end of the gap that contains it.
func TestNext_OnceADayInEveryZone(t *testing.T) {
	t.Parallel()
	clocks := [][2]int{{0, 0}, {0, 30}, {1, 45}, {2, 0}, {2, 15}, {2, 30}, {3, 0}, {23, 30}}
	for _, zone := range zones(t) {
		if strings.HasSuffix(zone, "/") {
			continue
		}
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			_, location := schedule(t, "@daily", zone)
			for _, clock := range clocks {
				s, _ := schedule(t, fmt.Sprintf("%d %d * * *", clock[1], clock[0]), zone)
				for at := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC); ; {
					_, end := at.In(location).ZoneBounds()
					if end.IsZero() || end.Year() > 2032 {
						break
					}
					at = end
					year, month, day := end.In(location).Date()
					run := due(year, month, day-3, clock[0], clock[1], location)
					for d := day - 2; d <= day+2; d++ {
						want := due(year, month, d, clock[0], clock[1], location)
						if want.Equal(run) { // the previous day was skipped; its run is on this day
							continue
						}
						if run = s.Next(run); !run.Equal(want) {
							t.Fatalf("%02d:%02d on %d-%d-%d runs at %s, want %s", clock[0], clock[1], year, month, d, run.In(location), want.In(location))
						}
					}
				}
			}
		})
	}
}

// due returns the first moment at which the zone's clock shows a civil time, or the end of the gap
// that contains it. It checks every quarter of an hour and does not use offsets.
func due(year int, month time.Month, day, hour, minute int, location *time.Location) time.Time {
	civil := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	begin := civil.Add(-26 * time.Hour)
	shown := func(t time.Time) time.Time {
		_, offset := t.In(location).Zone()
		return t.Add(time.Duration(offset) * time.Second)
	}
	low := 0 // the clock never shows the time or a later one before it first does
	for ; shown(begin.Add(time.Duration(low) * 4 * time.Hour)).Before(civil); low++ {
	}
	t := begin.Add(time.Duration(low-2) * 4 * time.Hour)
	for shown(t).Before(civil) {
		t = t.Add(15 * time.Minute)
	}
	for !shown(t.Add(-time.Minute)).Before(civil) {
		t = t.Add(-time.Minute)
	}
	return t
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a b c d e", "*/0 * * * *", "@every 1h", "@reboot",
		"TZ=UTC * * * * *", "CRON_TZ=UTC * * * * *", "*/18446744073709551615 * * * *", "\x00", "H * * * *", "* * L * *", "* * * * FRI#3", "1,,2 * * * *", "-1 * * * *", "1- * * * *",
	} {
		if _, err := cron.Parse(expression, time.UTC); err == nil {
			t.Errorf("%q is taken for a schedule", expression)
		}
	}
}
