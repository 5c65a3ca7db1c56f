package chart

import (
	"math"
	"strings"
)

// Maximum numbers of rows for which each number is a dot with a tooltip, and for which dashes are
// visible.
const (
	dotted = 60
	dashed = 150
)

// lines draws each series as a line over an axis of times or of other ordered rows, as an area, or
// as points. A gap interrupts the line.
func (f *frame) lines(t *table, kind string) ([]byte, error) {
	f.notes = append(f.notes, t.notes...)
	panels := t.panels()
	f.grow(len(panels))
	f.begin(t.describe("lines"))
	dash := func(series int) string {
		if len(t.labels) > dashed || kind == Area {
			return "none"
		}
		return dashes[series]
	}
	f.legend(t, func(x, y float64, i int) {
		if kind == Scatter {
			f.element("circle", "", "cx", x+12, "cy", y, "r", 4, "fill", palette[i])
			return
		}
		f.element("line", "", "x1", x, "y1", y, "x2", x+20, "y2", y, "stroke", palette[i], "stroke-width", 2.5, "stroke-dasharray", dash(i))
	})
	left, right, scales := margin, f.width-margin, make([]scale, len(panels))
	for i, series := range panels {
		top, bottom := f.plot(t, i, len(panels))
		low, high := t.of(series).bounds()
		if math.IsNaN(low) {
			low, high = 0, 0
		}
		if kind == Area || low > 0 && low < high/2 {
			low, high = min(low, 0), max(high, 0)
		}
		scales[i] = t.of(series).scale(low, high, int((bottom-top)/40))
		left = max(left, margin+scales[i].width()+10)
	}
	x := f.rowAxis(t, left, right)
	for i, series := range panels {
		top, bottom := f.plot(t, i, len(panels))
		f.valueAxis(t.of(series), scales[i], left, top, bottom)
		f.stroke(left, bottom, right, bottom, axis)
		for _, tick := range x.ticks {
			f.stroke(tick.at, bottom, tick.at, bottom+5, axis)
			if i == len(panels)-1 {
				half := textWidth(tick.label, textSize) / 2
				f.label(max(min(tick.at, f.width-8-half), 8+half), bottom+20, "middle", tick.label)
			}
		}
		for _, s := range series {
			f.line(t, s, kind, dash(s), func(row int, v float64) point {
				return point{x: x.at(row), y: bottom - scales[i].at(v)*(bottom-top)}
			}, bottom-scales[i].at(0)*(bottom-top))
		}
	}
	f.label((left+right)/2, f.height-margin+4, "middle", f.fit(x.name, textSize))
	return f.end()
}

// line draws one series. zero is the baseline of its area.
func (f *frame) line(t *table, series int, kind, dash string, place func(int, float64) point, zero float64) {
	points := make([]point, len(t.labels))
	for row, v := range t.series[series].values {
		points[row] = place(row, v)
	}
	if kind == Scatter {
		for row, p := range points {
			if !p.gap() && len(points) > 2000 {
				f.element("circle", "", "cx", p.x, "cy", p.y, "r", 2, "fill", palette[series])
			} else if !p.gap() {
				f.described("circle", t.point(row, series), "cx", p.x, "cy", p.y, "r", 4, "fill", palette[series], "fill-opacity", "0.7")
			}
		}
		return
	}
	thinned := thin(points)
	path, alone := trace(thinned)
	if kind == Area {
		f.element("path", "", "d", area(thinned, zero), "fill", palette[series], "fill-opacity", "0.25")
	}
	f.element("path", "", "d", path, "fill", "none", "stroke", palette[series], "stroke-width", 2,
		"stroke-linejoin", "round", "stroke-linecap", "round", "stroke-dasharray", dash)
	if len(points) > dotted {
		for _, p := range alone {
			f.element("circle", "", "cx", p.x, "cy", p.y, "r", 2, "fill", palette[series])
		}
		return
	}
	for row, p := range points {
		if !p.gap() {
			f.described("circle", t.point(row, series), "cx", p.x, "cy", p.y, "r", 3, "fill", palette[series])
		}
	}
}

// area returns the SVG path around the area between the points and zero.
func area(points []point, zero float64) string {
	var b strings.Builder
	for start := 0; start < len(points); {
		end := start
		for end < len(points) && !points[end].gap() {
			end++
		}
		if end > start {
			b.WriteString("M" + pixels(points[start].x) + " " + pixels(zero))
			for _, p := range points[start:end] {
				b.WriteString("L" + pixels(p.x) + " " + pixels(p.y))
			}
			b.WriteString("L" + pixels(points[end-1].x) + " " + pixels(zero) + "Z")
		}
		start = end + 1
	}
	return b.String()
}

// point is a position in the picture. y is NaN in a gap.
type point struct{ x, y float64 }

func (p point) gap() bool { return math.IsNaN(p.y) }

// thin keeps the first, lowest, highest and last points of each pixel column, in order, which draw
// the same line (M4 of Jugel et al., 2014), and a gap if a column contains nothing else.
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

// trace returns the SVG path through the points, and the points between gaps, which no line shows.
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
