package chart

import (
	"fmt"
	"math"
	"strings"
)

// bars draws a group of bars for each row, from zero.
func (f *frame) bars(t *table) ([]byte, error) {
	t.keepLargest(MaxBars)
	f.notes = append(f.notes, t.notes...)
	low, high := t.bounds()
	low, high = min(low, 0), max(high, 0)
	if f.lying(t) {
		f.lyingBars(t, low, high)
	} else {
		f.standingBars(t, low, high)
	}
	return f.end()
}

// lying says that the names of the rows do not fit side by side.
func (f *frame) lying(t *table) bool {
	slot := (f.width - 4*margin) / float64(len(t.labels))
	return len(t.labels) > 12 || widest(t.labels) > slot-8
}

func widest(labels []string) float64 {
	width := 0.0
	for _, label := range labels {
		width = max(width, textWidth(label, textSize))
	}
	return width
}

func (f *frame) standingBars(t *table, low, high float64) {
	f.begin(t.describe("bars"))
	f.legend(t, f.barKey)
	top, bottom := f.plot(t)
	y := newScale(low, high, int((bottom-top)/40))
	left, right := f.valueAxis(t, y, top, bottom), f.width-margin
	slot := (right - left) / float64(len(t.labels))
	width := min(slot*0.76/float64(len(t.series)), 110)
	printed := t.valuesFit(slot, width)
	for i, label := range t.labels {
		middle := left + (float64(i)+0.5)*slot
		f.label(middle, bottom+20, "middle", label)
		for j, s := range t.series {
			v := s.values[i]
			if math.IsNaN(v) {
				continue
			}
			x := middle + (float64(j)-float64(len(t.series))/2)*width
			end, zero := bottom-y.at(v)*(bottom-top), bottom-y.at(0)*(bottom-top)
			f.described("rect", t.point(i, j), "x", x, "y", min(end, zero), "width", max(width-1, 0.5), "height", math.Abs(end-zero), "fill", palette[j])
			if printed {
				beyond := end - 6
				if v < 0 {
					beyond = end + 15
				}
				f.text(x+width/2, beyond, formatNumber(v), "font-size", textSize, "fill", ink, "text-anchor", "middle")
			}
		}
	}
	zero := bottom - y.at(0)*(bottom-top)
	f.stroke(left, zero, right, zero, axis)
	f.label((left+right)/2, f.height-margin+4, "middle", f.fit(t.by, textSize))
}

func (f *frame) lyingBars(t *table, low, high float64) {
	rows, series := float64(len(t.labels)), float64(len(t.series))
	top := f.headHeight(len(t.series) > 1) + 28
	const foot = margin + 40
	f.height = max(f.height, top+rows*max(22, 9*series+8)+foot)
	f.begin(t.describe("bars"))
	f.legend(t, f.barKey)
	names := min(widest(t.labels), f.width*0.36)
	left, right := margin+names+10, f.width-margin
	printed := len(t.series) == 1
	if printed {
		values := 0.0
		for _, v := range t.series[0].values {
			values = max(values, textWidth(formatNumber(v), textSize)+8)
		}
		right -= values
		if low < 0 {
			left += values
		}
	}
	bottom := f.height - foot
	x := newScale(low, high, int((right-left)/90))
	for _, tick := range x.ticks() {
		at := left + x.at(tick)*(right-left)
		f.stroke(at, top, at, bottom, grid)
		f.label(at, bottom+18, "middle", x.label(tick))
	}
	f.label(margin, top-10, "start", f.fit(t.by, textSize))
	f.label((left+right)/2, f.height-margin+4, "middle", f.fit(t.value, textSize))
	slot := (bottom - top) / rows
	width := min(slot*0.76/series, 40)
	zero := left + x.at(0)*(right-left)
	for i, label := range t.labels {
		middle := top + (float64(i)+0.5)*slot
		f.text(margin+names, middle+4.5, shorten(label, textSize, names), "font-size", textSize, "fill", ink, "text-anchor", "end")
		for j, s := range t.series {
			v := s.values[i]
			if math.IsNaN(v) {
				continue
			}
			y := middle + (float64(j)-series/2)*width
			end := left + x.at(v)*(right-left)
			f.described("rect", t.point(i, j), "x", min(end, zero), "y", y, "width", math.Abs(end-zero), "height", max(width-1, 0.5), "fill", palette[j])
			switch {
			case printed && v < 0:
				f.text(end-5, middle+4.5, formatNumber(v), "font-size", textSize, "fill", ink, "text-anchor", "end")
			case printed:
				f.text(end+5, middle+4.5, formatNumber(v), "font-size", textSize, "fill", ink)
			}
		}
	}
	f.stroke(zero, top, zero, bottom, axis)
}

// plot is where the plot of an upright value axis begins and ends.
func (f *frame) plot(t *table) (top, bottom float64) {
	top = f.headHeight(len(t.series) > 1) + 16
	if t.value != "" {
		top += 20
	}
	return top, f.height - margin - 44
}

// valueAxis draws the upright axis with its name and grid, and answers where the plot begins.
func (f *frame) valueAxis(t *table, y scale, top, bottom float64) (left float64) {
	ticks := y.ticks()
	labels := make([]string, len(ticks))
	for i, tick := range ticks {
		labels[i] = y.label(tick)
	}
	left = margin + widest(labels) + 10
	for i, tick := range ticks {
		at := bottom - y.at(tick)*(bottom-top)
		f.stroke(left, at, f.width-margin, at, grid)
		f.label(left-8, at+4.5, "end", labels[i])
	}
	f.label(margin, top-22, "start", f.fit(t.value, textSize))
	return left
}

func (f *frame) barKey(x, y float64, series int) {
	f.element("rect", "", "x", x+6, "y", y-6, "width", 13, "height", 13, "fill", palette[series])
}

// valuesFit says that each number has room above its bar.
func (t *table) valuesFit(slot, width float64) bool {
	room := width
	if len(t.series) == 1 {
		room = slot
	}
	for _, s := range t.series {
		for _, v := range s.values {
			if !math.IsNaN(v) && textWidth(formatNumber(v), textSize) > room-2 {
				return false
			}
		}
	}
	return true
}

// point is one number in words.
func (t *table) point(row, series int) string {
	s := t.series[series]
	if len(t.series) > 1 {
		return fmt.Sprintf("%s, %s: %s", t.labels[row], s.name, formatNumber(s.values[row]))
	}
	return fmt.Sprintf("%s: %s", t.labels[row], formatNumber(s.values[row]))
}

// describe is the picture in words.
func (t *table) describe(picture string) string {
	low, high := t.bounds()
	summary := fmt.Sprintf("%s of %s from %s to %s", picture, count(len(t.labels), "row"), formatNumber(low), formatNumber(high))
	if len(t.series) > 1 || len(t.labels) > 12 {
		return summary
	}
	points := make([]string, len(t.labels))
	for i := range t.labels {
		points[i] = strings.ReplaceAll(t.point(i, 0), "NaN", "no value")
	}
	return summary + ": " + strings.Join(points, ", ")
}
