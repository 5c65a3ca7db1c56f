package ingest

import "testing"

func TestMicroseconds_NameOfAType_IsKept(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"TIME_NS":   "TIME",
		"TIME_NS[]": "TIME[]",
		`STRUCT("x TIME_NS)" BIGINT, TIME_NS TIME_NS, a_TIME_NS MAP(TIME_NS, TIME_NS[3]))`: `STRUCT("x TIME_NS)" BIGINT, TIME_NS TIME, a_TIME_NS MAP(TIME, TIME[3]))`,
		"ENUM('TIME_NS', 'a')": "ENUM('TIME_NS', 'a')",
	} {
		if got := microseconds(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}
