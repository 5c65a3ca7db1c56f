package orcfile

import (
	"testing"
	"time"
)

func TestProleptic_DayOfTheHybridCalendar_KeepsItsDate(t *testing.T) {
	t.Parallel()
	day := func(date string) int64 {
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		return at.Unix() / daySeconds
	}
	for _, test := range []struct {
		julian int64 // the day in the hybrid calendar
		want   string
	}{
		{day("1582-10-15"), "1582-10-15"},
		{day("1582-10-14"), "1582-10-04"}, // the day before
		{day("1582-10-13"), "1582-10-03"},
		{day("1500-03-11"), "1500-03-01"},
		{day("1500-03-09"), "1500-02-28"},
		{day("1212-03-07"), "1212-02-29"},
		{day("0200-03-01"), "0200-03-01"},
		{day("0000-12-30"), "0001-01-01"},
	} {
		if got, err := proleptic(test.julian); err != nil || got != day(test.want) {
			t.Errorf("day %d: got %d (%v), want %d, %s", test.julian, got, err, day(test.want), test.want)
		}
	}
	if _, err := proleptic(day("1500-03-10")); err == nil || err.Error() != "the 29th of February 1500 of the Julian calendar does not exist in the Gregorian calendar" {
		t.Errorf("got %v", err)
	}
}

func TestZone_JavaWriterBefore1900_HasTheStandardOffset(t *testing.T) {
	t.Parallel()
	location, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{Location: location, java: true, standard: -8 * 3600}
	if got := z.offset(-3_000_000_000); got != -8*3600 {
		t.Errorf("got %d", got)
	}
	if z.java = false; z.offset(-3_000_000_000) != -7*3600-52*60-58 {
		t.Errorf("got %d", z.offset(-3_000_000_000))
	}
}
