package report

import (
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestSchedule_UsesItsTimeZone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, timezone, after, want string }{
		{"0 6 * * *", "UTC", "2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z"},
		{"0 6 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T04:00:00Z"},  // daylight saving time has begun
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"}, // 2:30 does not exist on the 29th
		{"*/15 9-17 * * MON-FRI", "America/New_York", "2026-01-02T21:50:00Z", "2026-01-02T22:00:00Z"},
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-01-01T18:30:00Z"},
	} {
		s, err := ParseSchedule(test.expression, test.timezone)
		if err != nil {
			t.Errorf("%s in %s: %v", test.expression, test.timezone, err)
			continue
		}
		if got := s.After(at(test.after)); got == nil || !got.Equal(at(test.want)) || got.Location() != time.UTC {
			t.Errorf("%s in %s after %s is %v, want %s", test.expression, test.timezone, test.after, got, test.want)
		}
	}
}

func TestParseSchedule_Invalid_IsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range [][2]string{
		{"", "UTC"}, {"* * * *", "UTC"}, {"* * * * * *", "UTC"}, {"60 * * * *", "UTC"}, {"* * * * 8", "UTC"}, {"a b c d e", "UTC"}, {"*/0 * * * *", "UTC"},
		{"@every 1h", "UTC"}, {" @every 1h", "UTC"}, {"@reboot", "UTC"}, {"TZ=", "UTC"}, {"CRON_TZ=UTC", "UTC"}, {"TZ=UTC * * * * *", "UTC"}, {"0 0 30 2 *", "UTC"},
		{"*/18446744073709551615 * * * *", "UTC"}, {"\x00", "UTC"},
		{"@daily", ""}, {"@daily", "Local"}, {"@daily", "Nowhere/City"}, {"@daily", "../../etc/passwd"}, {"@daily", "UTC @every"},
	} {
		if _, err := ParseSchedule(test[0], test[1]); err == nil {
			t.Errorf("%q in %q is taken for a schedule", test[0], test[1])
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("0 6 1 * *", "Europe/Berlin")
	f.Add("@daily", "UTC")
	f.Add("TZ= *", "Asia/")
	f.Fuzz(func(t *testing.T, expression, timezone string) {
		s, err := ParseSchedule(expression, timezone)
		if err != nil {
			return
		}
		now := at("2026-01-01T00:00:00Z")
		if next := s.After(now); next != nil && !next.After(now) {
			t.Errorf("%q in %q after %s is %s", expression, timezone, now, next)
		}
	})
}

func TestSchedule_Latest_IsTheLastDueTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ expression, due, now, want string }{
		{"* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z", "2026-01-01T00:00:00Z"},
		{"* * * * *", "2016-01-01T00:00:00Z", "2026-01-01T00:10:30Z", "2026-01-01T00:10:00Z"},
		{"0 6 * * *", "2025-12-01T06:00:00Z", "2026-01-01T05:59:00Z", "2025-12-31T06:00:00Z"},
		{"0 0 1 * *", "2025-06-01T00:00:00Z", "2026-01-20T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"0 0 29 2 *", "2024-02-29T00:00:00Z", "2027-01-01T00:00:00Z", "2024-02-29T00:00:00Z"},
	} {
		s, err := ParseSchedule(test.expression, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Latest(at(test.due), at(test.now)); !got.Equal(at(test.want)) {
			t.Errorf("%s due %s, now %s: latest %s, want %s", test.expression, test.due, test.now, got, test.want)
		}
	}
}
