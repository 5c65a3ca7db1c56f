package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// scale is a range of numbers with ticks at round numbers.
type scale struct{ low, high, step float64 }

// newScale covers low to high in roughly the given number of steps of 1, 2 or 5 times a power of
// ten.
func newScale(low, high float64, ticks int) scale {
	if largest := max(math.Abs(low), math.Abs(high)); high-low <= largest*1e-9 {
		margin := max(largest/2, 1)
		if largest == 0 {
			low, high = 0, 1
		} else {
			low, high = low-margin, high+margin
		}
	}
	rough := (high - low) / float64(max(ticks, 1))
	power := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * power
	for _, factor := range []float64{1, 2, 5} {
		if rough <= factor*power {
			step = factor * power
			break
		}
	}
	return scale{low: math.Floor(low/step) * step, high: math.Ceil(high/step) * step, step: step}
}

// at returns the position of v between the ends, from 0 to 1.
func (s scale) at(v float64) float64 { return (v - s.low) / (s.high - s.low) }

func (s scale) ticks() []float64 {
	n := int(math.Round((s.high - s.low) / s.step))
	values := make([]float64, 0, n+1)
	for i := range n + 1 {
		values = append(values, s.low+float64(i)*s.step)
	}
	return values
}

// label formats a tick with the decimals of the step, and with SI prefixes from a million.
func (s scale) label(v float64) string {
	largest := max(math.Abs(s.low), math.Abs(s.high))
	if math.Abs(v) < s.step/2 {
		return "0"
	}
	if largest >= 1e15 || s.step < 1e-6 {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e")
		return trimZeros(mantissa) + "e" + strings.TrimPrefix(exponent, "+")
	}
	for _, prefix := range []struct {
		factor float64
		symbol string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}} {
		if largest >= prefix.factor {
			return scale{step: s.step / prefix.factor}.label(v/prefix.factor) + prefix.symbol
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(s.step)+1e-9)))
	return group(strconv.FormatFloat(v, 'f', decimals, 64))
}

// calendarStep is the distance between ticks of a time axis, in calendar units.
type calendarStep struct {
	years, months int
	duration      time.Duration // if neither years nor months
	layout        string
}

func (c calendarStep) seconds() float64 {
	const year = 365.2425 * 24 * 3600
	return float64(c.years)*year + float64(c.months)*year/12 + c.duration.Seconds()
}

// first returns the last tick at or before t.
func (c calendarStep) first(t time.Time) time.Time {
	switch {
	case c.years > 0:
		return time.Date(t.Year()-t.Year()%c.years, 1, 1, 0, 0, 0, 0, time.UTC)
	case c.months > 0:
		month := int(t.Month()) - 1
		return time.Date(t.Year(), time.Month(month-month%c.months+1), 1, 0, 0, 0, 0, time.UTC)
	}
	return t.Truncate(c.duration)
}

func (c calendarStep) next(t time.Time) time.Time {
	return t.AddDate(c.years, c.months, 0).Add(c.duration)
}

var calendar = buildCalendar()

const day = 24 * time.Hour

func buildCalendar() []calendarStep {
	var steps []calendarStep
	add := func(layout string, durations ...time.Duration) {
		for _, d := range durations {
			steps = append(steps, calendarStep{duration: d, layout: layout})
		}
	}
	add("15:04:05.000", time.Millisecond, 10*time.Millisecond, 100*time.Millisecond)
	add("15:04:05", time.Second, 5*time.Second, 15*time.Second, 30*time.Second)
	add("15:04", time.Minute, 5*time.Minute, 15*time.Minute, 30*time.Minute, time.Hour, 3*time.Hour)
	add("2 Jan 15:04", 6*time.Hour, 12*time.Hour)
	add("2 Jan 2006", day, 2*day, 7*day, 14*day)
	for _, months := range []int{1, 3, 6} {
		steps = append(steps, calendarStep{months: months, layout: "Jan 2006"})
	}
	for _, years := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000} {
		steps = append(steps, calendarStep{years: years, layout: "2006"})
	}
	return steps
}

// timeScale is a range of time that the data span from end to end.
type timeScale struct {
	low, high time.Time
	step      calendarStep
}

// newTimeScale covers low to high in at most the given number of steps.
func newTimeScale(low, high time.Time, ticks int) timeScale {
	if !high.After(low) {
		low, high = low.Add(-12*time.Hour), high.Add(12*time.Hour)
	}
	s := timeScale{low: low, high: high, step: calendar[len(calendar)-1]}
	for _, step := range calendar {
		if step.seconds()*float64(ticks) >= between(low, high) {
			s.step = step
			break
		}
	}
	return s
}

// between returns the seconds from a to b. A time.Duration is limited to 292 years.
func between(a, b time.Time) float64 {
	return float64(b.Unix()-a.Unix()) + float64(b.Nanosecond()-a.Nanosecond())/1e9
}

func (s timeScale) at(t time.Time) float64 { return between(s.low, t) / between(s.low, s.high) }

func (s timeScale) ticks() []time.Time {
	var times []time.Time
	for t := s.step.first(s.low); !t.After(s.high); t = s.step.next(t) {
		if !t.Before(s.low) {
			times = append(times, t)
		}
	}
	return times
}
