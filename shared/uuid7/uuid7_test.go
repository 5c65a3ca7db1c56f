package uuid7_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/uuid7"
)

func TestTimeAndFirst(t *testing.T) {
	t.Parallel()
	before := time.Now().Truncate(time.Millisecond)
	id := uuid7.New()
	at := uuid7.Time(id)
	if at.Before(before) || at.After(time.Now().Add(time.Second)) || at.Location() != time.UTC {
		t.Errorf("made at %s, want about %s in UTC", at, before)
	}
	for name, test := range map[string]struct {
		from  time.Time
		found bool
	}{
		"its own millisecond": {at, true}, "a nanosecond later": {at.Add(1), false}, "the next": {at.Add(time.Millisecond), false},
		"long ago": {time.Time{}, true}, "before 1970": {time.Unix(-1, 0), true}, "in 9999": {time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), false},
	} {
		first := uuid7.First(test.from)
		if found := bytes.Compare(id[:], first[:]) >= 0; found != test.found {
			t.Errorf("%s: at or after %s %v, want %v", name, uuid.UUID(first), found, test.found)
		}
	}
}
