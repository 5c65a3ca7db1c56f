package orcwriter

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
	"function/shared/orc/rle"
)

const (
	epoch       = 1_420_070_400     // 2015-01-01, in seconds since 1970
	maxSecond   = 9_223_372_036_854 // of a timestamp in microseconds
	nanoseconds = 1_000_000_000
	daySeconds  = 86_400
)

// perSecond has the values of a unit in a second.
var perSecond = map[arrow.TimeUnit]int64{arrow.Second: 1, arrow.Millisecond: 1e3, arrow.Microsecond: 1e6, arrow.Nanosecond: 1e9}

func floorDivide(v, by int64) (int64, int64) {
	quotient, rest := v/by, v%by
	if rest < 0 {
		return quotient - 1, rest + by
	}
	return quotient, rest
}

// timestamps is a column of timestamps.
type timestamps struct {
	*base
	unit       int64 // values in a second
	seconds    *rle.IntegerEncoder
	nanos      *rle.IntegerEncoder
	statistics *timestampStatistics
	noted      bool
}

func (p *plan) timestamp(t *arrow.TimestampType, path string) column {
	kind := orc.Timestamp
	if t.TimeZone != "" {
		kind = orc.TimestampInstant
	}
	b := p.base(path, kind)
	c := &timestamps{base: b, unit: perSecond[t.Unit], statistics: &timestampStatistics{}}
	c.seconds, c.nanos = b.integers(orc.Data, true), b.integers(orc.Secondary, false)
	b.encoding = directV2
	b.describe(c.statistics, &timestampStatistics{}, &timestampStatistics{})
	return c
}

func (c *timestamps) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[int64](a.Data(), 1)
	for _, s := range set {
		for _, v := range values[s.from:s.to] {
			if err := c.append(floorDivide(v, c.unit)); err != nil {
				return err
			}
		}
	}
	return nil
}

// append encodes a timestamp in seconds since 1970 and units of the type.
//
// Readers know that writers round up the seconds before 1970 that have at least a millisecond after
// them. The last second before 1970 would become 0, which readers do not round down again. Its
// nanoseconds are therefore written as negative ones.
func (c *timestamps) append(second, rest int64) error {
	if second < -maxSecond || second > maxSecond {
		return refuse(c.path, "has a timestamp of %d seconds after 1970, which is out of range: remove it, or cast the column to BIGINT", second)
	}
	nanos := rest * (nanoseconds / c.unit)
	c.statistics.add(second, nanos)
	stored := nanos
	if second < 0 && nanos > 999_999 {
		if second++; second == 0 {
			stored -= nanoseconds
			c.note()
		}
	}
	if err := c.seconds.Append(second - epoch); err != nil {
		return err
	}
	return c.nanos.Append(trimZeros(stored))
}

func (c *timestamps) note() {
	if !c.noted {
		c.plan.note(c.path, "has a timestamp in the last second before 1970, which ORC encodes ambiguously: it is written as pyarrow writes it, and readers in Java refuse it")
	}
	c.noted = true
}

// trimZeros counts two or more trailing zeros of nanoseconds in the last three bits.
func trimZeros(nanos int64) int64 {
	if nanos == 0 || nanos%100 != 0 {
		return nanos << 3
	}
	nanos /= 100
	zeros := int64(1)
	for ; nanos%10 == 0 && zeros < 7; zeros++ {
		nanos /= 10
	}
	return nanos<<3 | zeros
}

// timestampStatistics describe timestamps, in milliseconds and the nanoseconds after them.
type timestampStatistics struct {
	milliseconds bounds[int64]
	least, most  int64 // nanoseconds after the bounds
}

func (s *timestampStatistics) add(second, nanos int64) { s.join(second*1000+nanos/1e6, nanos%1e6) }

func (s *timestampStatistics) join(ms, nanos int64) {
	b := &s.milliseconds
	if !b.some || ms < b.least || ms == b.least && nanos < s.least {
		s.least = nanos
	}
	if !b.some || ms > b.most || ms == b.most && nanos > s.most {
		s.most = nanos
	}
	b.add(ms)
}

func (s *timestampStatistics) field() (protowire.Number, message) {
	b := s.milliseconds
	m := message{}.signed(3, b.least).signed(4, b.most)
	return 9, m.number(5, uint64(s.least+1)).number(6, uint64(s.most+1))
}

func (s *timestampStatistics) merge(d detail) {
	other := d.(*timestampStatistics)
	s.join(other.milliseconds.least, other.least)
	s.join(other.milliseconds.most, other.most)
}

func (s *timestampStatistics) reset() { *s = timestampStatistics{} }

// clock plans times of day, durations and dates in milliseconds, and returns nil for other types.
func (p *plan) clock(t arrow.DataType, path string) column {
	switch t := t.(type) {
	case *arrow.Time32Type:
		p.changed(path, "a time of day", "string")
		return newTexts(p.base(path, orc.String), timesOfDay[arrow.Time32](t.Unit))
	case *arrow.Time64Type:
		p.changed(path, "a time of day", "string")
		return newTexts(p.base(path, orc.String), timesOfDay[arrow.Time64](t.Unit))
	case *arrow.DurationType:
		p.changed(path, "a duration", fmt.Sprintf("bigint, in the unit %s", t.Unit))
		return newIntegers[arrow.Duration](p.base(path, orc.Long))
	case *arrow.Date64Type:
		return &dates{*newDates(p.base(path, orc.Date)).(*integers[arrow.Date32])}
	case *arrow.MonthDayNanoIntervalType:
		p.changed(path, "an interval", "string")
		return newTexts(p.base(path, orc.String), intervals)
	}
	return nil
}

// dates is a column of dates in milliseconds.
type dates struct{ integers[arrow.Date32] }

func (c *dates) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[int64](a.Data(), 1)
	for _, s := range set {
		for _, v := range values[s.from:s.to] {
			day, rest := floorDivide(v, daySeconds*1000)
			if rest != 0 || day < math.MinInt32 || day > math.MaxInt32 {
				return refuse(c.path, "has a date of %d milliseconds after 1970, which is not a day that ORC has: cast the column to TIMESTAMP", v)
			}
			c.statistics.add(day)
			if err := c.data.Append(day); err != nil {
				return err
			}
		}
	}
	return nil
}

// timesOfDay returns times of day with the digits of their unit.
func timesOfDay[T arrow.Time32 | arrow.Time64](unit arrow.TimeUnit) func(arrow.Array) texts {
	per := perSecond[unit]
	digits := len(fmt.Sprint(per)) - 1
	return func(a arrow.Array) texts {
		values := arrow.GetValues[T](a.Data(), 1)
		return func(i int) (string, error) {
			second, rest := floorDivide(int64(values[i]), per)
			if second < 0 || second > daySeconds {
				return "", fmt.Errorf("has a time of day of %d %s, which is out of range: correct it, or cast the column to BIGINT", values[i], unit)
			}
			s := fmt.Sprintf("%02d:%02d:%02d", second/3600, second/60%60, second%60)
			if digits > 0 {
				s += fmt.Sprintf(".%0*d", digits, rest)
			}
			return s, nil
		}
	}
}

// intervals returns intervals of months, days and seconds in the format of ISO 8601.
func intervals(a arrow.Array) texts {
	values := arrow.GetValues[arrow.MonthDayNanoInterval](a.Data(), 1)
	return func(i int) (string, error) {
		v := values[i]
		second, nanos, sign := v.Nanoseconds/nanoseconds, v.Nanoseconds%nanoseconds, ""
		if v.Nanoseconds < 0 {
			second, nanos, sign = -second, -nanos, "-"
		}
		return fmt.Sprintf("P%dM%dDT%s%d.%09dS", v.Months, v.Days, sign, second, nanos), nil
	}
}
