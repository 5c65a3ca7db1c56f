package chart

import (
	"math"
	"strings"
)

// Rows up to which each number is a dot that can be pointed at, and up to which dashes can be seen.
const (
	dotted = 60
	dashed = 150
)

// lines draws a line for each series over a time axis. A gap breaks the line.
func (f *frame) lines(t *table) ([]byte, error) {
	f.notes = append(f.notes, t.notes...)
	f.begin(t.describe("lines"))
	dash := func(series int) string {
		if len(t.labels) > dashed {
			return "none"
		}
		return dashes[series]
	}
	f.legend(t, func(x, y float64, i int) {
		f.element("line", "", "x1", x, "y1", y, "x2", x+20, "y2", y, "stroke", palette[i], "stroke-width", 2.5, "stroke-dasharray", dash(i))
	})
	top, bottom := f.plot(t)
	low, high := t.bounds()
	if low > 0 && low < high/2 {
		low = 0
	}
	y := newScale(low, high, int((bottom-top)/40))
	left, right := f.valueAxis(t, y, top, bottom), f.width-margin
	x := newTimeScale(t.times[0], t.times[len(t.times)-1], int((right-left)/95))
	f.timeAxis(t.by, x, left, right, bottom)
	place := func(row int, v float64) point {
		return point{x: left + x.at(t.times[row])*(right-left), y: bottom - y.at(v)*(bottom-top)}
	}
	for i, s := range t.series {
		points := make([]point, len(s.values))
		for row, v := range s.values {
			points[row] = place(row, v)
		}
		path, alone := trace(thin(points))
		f.element("path", "", "d", path, "fill", "none", "stroke", palette[i], "stroke-width", 2,
			"stroke-linejoin", "round", "stroke-linecap", "round", "stroke-dasharray", dash(i))
		if len(points) > dotted {
			for _, p := range alone {
				f.element("circle", "", "cx", p.x, "cy", p.y, "r", 2, "fill", palette[i])
			}
			continue
		}
		for row, p := range points {
			if !p.gap() {
				f.described("circle", t.point(row, i), "cx", p.x, "cy", p.y, "r", 3, "fill", palette[i])
			}
		}
	}
	return f.end()
}

func (f *frame) timeAxis(name string, x timeScale, left, right, bottom float64) {
	layout := x.step.layout
	if strings.HasPrefix(layout, "15:04") {
		if x.low.Truncate(day).Equal(x.high.Truncate(day)) {
			name = strings.TrimSpace(name + " on " + x.low.Format("2 January 2006"))
		} else {
			layout = "2 Jan " + layout
		}
	}
	f.stroke(left, bottom, right, bottom, axis)
	for _, tick := range x.ticks() {
		at, label := left+x.at(tick)*(right-left), tick.Format(layout)
		f.stroke(at, bottom, at, bottom+5, axis)
		half := textWidth(label, textSize) / 2
		f.label(min(at, f.width-8-half), bottom+20, "middle", label)
	}
	f.label((left+right)/2, f.height-margin+4, "middle", f.fit(name, textSize))
}

// point is a place in the picture; y is NaN in a gap.
type point struct{ x, y float64 }

func (p point) gap() bool { return math.IsNaN(p.y) }

// thin keeps of the points over each pixel column, in order, the first, the lowest, the highest and the last, which
// draw the same line (the M4 of Jugel et al., 2014), and a gap where a column has nothing else.
func thin(points []point) []point {
	var kept []point
	for start := 0; start < len(points); {
		end := start + 1
		for end < len(points) && math.Floor(points[end].x) == math.Floor(points[start].x) {
			end++
		}
		kept = append(kept, extremes(points[start:end])...)
		start = end
	}
	return kept
}

func extremes(column []point) []point {
	if len(column) <= 4 {
		return column
	}
	first, last, low, high := -1, -1, -1, -1
	for i, p := range column {
		if p.gap() {
			continue
		}
		if first < 0 {
			first, low, high = i, i, i
		}
		last = i
		if p.y < column[low].y {
			low = i
		}
		if p.y > column[high].y {
			high = i
		}
	}
	if first < 0 {
		return column[:1]
	}
	order := []int{first, min(low, high), max(low, high), last}
	kept := make([]point, 0, 4)
	for i, at := range order {
		if i == 0 || at != order[i-1] {
			kept = append(kept, column[at])
		}
	}
	return kept
}

// trace is the SVG path through the points, and those points that gaps surround, which no line shows.
func trace(points []point) (path string, alone []point) {
	var b strings.Builder
	for i, p := range points {
		if p.gap() {
			continue
		}
		first := i == 0 || points[i-1].gap()
		if first && (i == len(points)-1 || points[i+1].gap()) {
			alone = append(alone, p)
		}
		command := "L"
		if first {
			command = "M"
		}
		b.WriteString(command + pixels(p.x) + " " + pixels(p.y))
	}
	return b.String(), alone
}
