package orcfile

import (
	"fmt"
	"math"
	"time"
	_ "time/tzdata" // the zones of writers are read where the system has no zones

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/orc"
)

// The least and the greatest day and second of DuckDB's types; beyond are the values that mean infinity.
const (
	minDay, maxDay       = -math.MaxInt32 + 1, math.MaxInt32 - 1
	minSecond, maxSecond = -9_223_372_022_399, math.MaxInt64/1_000_000 - 1
	maxNanoseconds       = 999_999_999
)

// hybrid reports whether the dates of a file are in the hybrid calendar, which is that of Java
// writers that do not name one.
func hybrid(f *orc.File) bool {
	return f.Calendar == orc.CalendarHybrid || f.Calendar == orc.CalendarUnknown && f.Writer == orc.WriterJava
}

func date(id int) value {
	return value{arrow.FixedWidthTypes.Date32, 1, func(in *source) (reader, error) {
		data, hybrid := in.integers(id, orc.Data, true), hybrid(in.file)
		return func(b array.Builder) error {
			day, err := data.Next()
			if err != nil {
				return err
			}
			v := day
			if day < minDay || day > maxDay {
				return flaw(fmt.Sprintf("the date of day %d after 1970-01-01 is out of range", day))
			}
			if hybrid {
				if v, err = proleptic(day); err != nil {
					return err
				}
			}
			if v < minDay {
				return flaw(fmt.Sprintf("the date of day %d after 1970-01-01 is out of range", day))
			}
			b.(*array.Date32Builder).Append(arrow.Date32(v))
			return nil
		}, nil
	}}
}

// zone is how the timestamps of a stripe are counted.
type zone struct {
	*time.Location
	epoch    int64 // 2015-01-01 in the zone
	java     bool  // the writer's zones have no transitions before 1900
	standard int64 // offset of the zone's standard time
	hybrid   bool
}

// newZone returns the zone of the writer. Stripes of old writers name none, and are read as UTC.
func newZone(name string, f *orc.File) (*zone, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &invalid.Error{Detail: fmt.Sprintf("The ORC file has timestamps of the unknown time zone %s: write it in UTC.", fault.Excerpt(name))}
	}
	winter, summer := time.Date(2026, 1, 1, 0, 0, 0, 0, location), time.Date(2026, 7, 1, 0, 0, 0, 0, location)
	_, a := winter.Zone()
	_, b := summer.Zone()
	epoch := time.Date(2015, 1, 1, 0, 0, 0, 0, location).Unix()
	return &zone{location, epoch, f.Writer == orc.WriterJava, int64(min(a, b)), hybrid(f)}, nil
}

// offset returns the offset of the zone's civil time from UTC.
func (z *zone) offset(instant int64) int64 {
	const year1900 = -2_208_988_800
	if z.Location == time.UTC {
		return 0
	}
	if z.java && instant < year1900 { // as java.util.TimeZone has it
		return z.standard
	}
	_, offset := time.Unix(instant, 0).In(z.Location).Zone()
	return int64(offset)
}

// civil returns the civil time of a stored timestamp in seconds since 1970 and nanoseconds.
func (z *zone) civil(stored, nanoseconds int64) (int64, int64, error) {
	seconds, err := z.seconds(stored, nanoseconds)
	if nanoseconds < 0 { // pyarrow rounds seconds before 1970 up, and subtracts the rest
		seconds, nanoseconds = seconds-1, nanoseconds+1_000_000_000
	}
	return seconds, nanoseconds, err
}

func (z *zone) seconds(stored, nanoseconds int64) (int64, error) {
	if stored < minSecond-z.epoch || stored > maxSecond-2*z.epoch {
		return 0, flaw(fmt.Sprintf("the timestamp %d s after 2015-01-01 is out of range", stored))
	}
	instant := stored + z.epoch
	if instant < 0 && nanoseconds > 999_999 { // writers round such seconds up
		instant--
	}
	seconds := instant + z.offset(instant)
	if day, second := floorDivide(seconds, daySeconds); z.hybrid && day < cutover {
		day, err := proleptic(day)
		if err != nil {
			return 0, err
		}
		seconds = day*daySeconds + second
	}
	if seconds < minSecond || seconds > maxSecond {
		return 0, flaw(fmt.Sprintf("the timestamp %d s after 2015-01-01 is out of range", stored))
	}
	return seconds, nil
}

// nanoseconds decodes the nanoseconds of a timestamp, whose trailing zeros are counted in three bits.
func nanoseconds(v int64) (int64, error) {
	zeros := v & 7
	if zeros > 0 {
		zeros++
	}
	v >>= 3
	for ; zeros > 0 && -maxNanoseconds <= v && v <= maxNanoseconds; zeros-- {
		v *= 10
	}
	if v < -maxNanoseconds || v > maxNanoseconds {
		return 0, errShort
	}
	return v, nil
}

// timestamp plans civil times, in nanoseconds or microseconds.
func timestamp(id int, nanos bool) value {
	unit := arrow.Microsecond
	if nanos {
		unit = arrow.Nanosecond
	}
	return times(id, &arrow.TimestampType{Unit: unit}, func(in *source) (*zone, error) { return newZone(in.TimeZone, in.file) })
}

// instant plans instants, which are counted in UTC.
func instant(id int) value {
	return times(id, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, func(in *source) (*zone, error) { return newZone("UTC", in.file) })
}

func times(id int, typ *arrow.TimestampType, zone func(in *source) (*zone, error)) value {
	return value{typ, 1, func(in *source) (reader, error) {
		z, err := zone(in)
		data, secondary := in.integers(id, orc.Data, true), in.integers(id, orc.Secondary, false)
		return func(b array.Builder) error {
			stored, err := data.Next()
			if err != nil {
				return err
			}
			encoded, err := secondary.Next()
			if err != nil {
				return err
			}
			nanos, err := nanoseconds(encoded)
			if err != nil {
				return err
			}
			seconds, nanos, err := z.civil(stored, nanos)
			if err != nil {
				return err
			}
			switch {
			case typ.Unit == arrow.Nanosecond && (seconds < -math.MaxInt64/1_000_000_000 || seconds >= math.MaxInt64/1_000_000_000):
				return flaw(fmt.Sprintf("the timestamp %s is out of the range of TIMESTAMP_NS, which the column needs for its nanoseconds", format(seconds, nanos)))
			case typ.Unit == arrow.Nanosecond:
				b.(*array.TimestampBuilder).Append(arrow.Timestamp(seconds*1_000_000_000 + nanos))
				return nil
			case nanos%1000 != 0:
				return flaw(fmt.Sprintf("%q cannot be stored exactly as TIMESTAMP WITH TIME ZONE", format(seconds, nanos)))
			}
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(seconds*1_000_000 + nanos/1000))
			return nil
		}, err
	}}
}

func format(seconds, nanos int64) string {
	return time.Unix(seconds, nanos).UTC().Format("2006-01-02 15:04:05.999999999")
}
