package chart

import (
	"math"
	"slices"
	"strings"
	"time"
)

// rowAxis is the axis of the rows. Positions are in pixels.
type rowAxis struct {
	name  string
	at    func(row int) float64
	ticks []axisTick
}

type axisTick struct {
	at    float64
	label string
}

func (f *frame) rowAxis(t *table, left, right float64) rowAxis {
	if t.times != nil {
		return timeAxis(t, left, right)
	}
	numbers := t.numbers
	if numbers == nil {
		for i := range t.labels {
			numbers = append(numbers, float64(i))
		}
	}
	if len(numbers) == 0 {
		return rowAxis{name: t.by, at: func(int) float64 { return left }}
	}
	low, high := numbers[0], numbers[len(numbers)-1]
	if high-low <= max(math.Abs(low), math.Abs(high))*1e-9 {
		low, high = low-1, high+1
	}
	if !(high > low) { // too large for an axis of doubles
		low, high = low-math.Abs(low)/2, high+math.Abs(high)/2
	}
	if t.numbers == nil || t.named { // names take up their whole width
		low, high = low-0.5, high+0.5
	}
	place := func(v float64) float64 { return left + (v-low)/(high-low)*(right-left) }
	x := rowAxis{name: t.by, at: func(row int) float64 { return place(numbers[row]) }}
	all := 0.0
	for _, label := range t.labels {
		all += textWidth(shorten(label, textSize, 120), textSize) + 12
	}
	if all > right-left && t.numbers != nil && !t.named {
		s := newScale(low, high, int((right-left)/70))
		for _, tick := range s.ticks() {
			if tick >= low && tick <= high {
				x.ticks = append(x.ticks, axisTick{place(tick), s.label(tick)})
			}
		}
		return x
	}
	x.ticks = spread(len(t.labels), func(row int) axisTick { return axisTick{x.at(row), shorten(t.labels[row], textSize, 120)} })
	return x
}

// spread returns evenly spaced ticks at as many of n rows as their labels have room for.
func spread(n int, tick func(row int) axisTick) []axisTick {
	for every := 1; ; every++ {
		var ticks []axisTick
		end, fits := math.Inf(-1), true
		for row := 0; row < n && fits; row += every {
			t := tick(row)
			half := textWidth(t.label, textSize) / 2
			fits = t.at-half > end
			end = t.at + half + 8
			ticks = append(ticks, t)
		}
		if fits || every >= n {
			return ticks
		}
	}
}

// timeAxis places ticks at the rows if their labels fit, and otherwise at calendar steps no finer
// than the rows.
func timeAxis(t *table, left, right float64) rowAxis {
	s := newTimeScale(t.times[0], t.times[len(t.times)-1], int((right-left)/95))
	place := func(at time.Time) float64 { return left + s.at(at)*(right-left) }
	x := rowAxis{name: t.by, at: func(row int) float64 { return place(t.times[row]) }}
	grain := grainOf(t.times)
	layout := s.step.layout
	if grain.layout != "" && s.step.seconds() <= grain.seconds()*1.01 {
		s.step, layout = grain, grain.layout
	}
	if strings.HasPrefix(layout, "15:04") {
		if s.low.Truncate(day).Equal(s.high.Truncate(day)) {
			x.name = strings.TrimSpace(x.name + " on " + s.low.Format("2 January 2006"))
		} else {
			layout = "2 Jan " + layout
		}
	}
	times := slices.CompactFunc(slices.Clone(t.times), time.Time.Equal)
	label := func(at time.Time) string {
		if layout == quarters {
			return "Q" + string(rune('1'+(at.Month()-1)/3)) + at.Format(" 2006")
		}
		return at.Format(layout)
	}
	if grain.layout != "" {
		if ticks := spread(len(times), func(row int) axisTick { return axisTick{place(times[row]), atGrain(grain, times[row])} }); len(ticks) == len(times) || grain.duration == 7*day {
			x.ticks = ticks
			return x
		}
	}
	for _, at := range s.ticks() {
		x.ticks = append(x.ticks, axisTick{place(at), label(at)})
	}
	return x
}

const quarters = "quarters" // a layout that package time lacks

func atGrain(grain calendarStep, at time.Time) string {
	if grain.layout == quarters {
		return "Q" + string(rune('1'+(at.Month()-1)/3)) + at.Format(" 2006")
	}
	return at.Format(grain.layout)
}

// grainOf returns the largest calendar unit that every time is the start of. It has no layout if
// some times are finer than days.
func grainOf(times []time.Time) calendarStep {
	days, months, quarter, years, weeks := true, true, true, true, len(times) > 2
	for i, t := range times {
		days = days && t.Equal(t.Truncate(day))
		months = months && t.Day() == 1
		quarter = quarter && t.Month()%3 == 1
		years = years && t.Month() == 1
		weeks = weeks && (i == 0 || int64(between(times[0], t))%(7*24*3600) == 0)
	}
	switch {
	case !days || len(times) == 0:
		return calendarStep{}
	case months && years:
		return calendarStep{years: 1, layout: "2006"}
	case months && quarter:
		return calendarStep{months: 3, layout: quarters}
	case months:
		return calendarStep{months: 1, layout: "Jan 2006"}
	case weeks:
		return calendarStep{duration: 7 * day, layout: "2 Jan 2006"}
	}
	return calendarStep{duration: day, layout: "2 Jan 2006"}
}

// axisLabels returns the labels of the rows on an axis, with times shortened to their grain.
func (t *table) axisLabels() []string {
	if t.times == nil {
		return t.labels
	}
	grain := grainOf(t.times)
	if grain.layout == "" {
		return t.labels
	}
	labels := make([]string, len(t.times))
	for i, at := range t.times {
		labels[i] = atGrain(grain, at)
	}
	return labels
}
