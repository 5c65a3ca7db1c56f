package chart

import (
	"fmt"
	"math"
	"strings"
)

// bars draws a group of bars for each row, starting at zero.
func (f *frame) bars(t *table) ([]byte, error) {
	ordered := t.times != nil || t.numbers != nil && !t.rows
	if !ordered {
		t.keepLargest(MaxBars)
	}
	f.notes = append(f.notes, t.notes...)
	if !ordered && f.needsHorizontalBars(t) {
		f.horizontalBars(t)
	} else {
		f.verticalBars(t)
	}
	return f.end()
}

// needsHorizontalBars reports whether the rows' names do not fit side by side, so that bars have to
// be horizontal.
func (f *frame) needsHorizontalBars(t *table) bool {
	slot := (f.width - 4*margin) / float64(len(t.labels))
	return len(t.labels) > 12 || widest(t.labels) > slot-8
}

// fromZero returns the bounds of the values, extended to include zero.
func (t *table) fromZero() (low, high float64) {
	low, high = t.bounds()
	if math.IsNaN(low) {
		return 0, 0
	}
	return min(low, 0), max(high, 0)
}

func widest(labels []string) float64 {
	width := 0.0
	for _, label := range labels {
		width = max(width, textWidth(label, textSize))
	}
	return width
}

func (f *frame) verticalBars(t *table) {
	panels := t.panels()
	f.grow(len(panels))
	f.begin(t.describe("bars"))
	f.legend(t, f.barKey)
	left, scales := margin, make([]scale, len(panels))
	for i, series := range panels {
		top, bottom := f.plot(t, i, len(panels))
		low, high := t.of(series).fromZero()
		if low < 0 {
			low -= (high - low) * 0.08 // room for the label below a bar
		}
		scales[i] = t.of(series).scale(low, high, int((bottom-top)/40))
		left = max(left, margin+scales[i].width()+10)
	}
	right := f.width - margin
	slot := (right - left) / float64(len(t.labels))
	for i, series := range panels {
		part, y := t.of(series), scales[i]
		top, bottom := f.plot(t, i, len(panels))
		f.valueAxis(part, y, left, top, bottom)
		width := min(slot*0.76/float64(len(series)), 110)
		printed := part.valuesFit(slot, width)
		zero := bottom - y.at(0)*(bottom-top)
		for row := range t.labels {
			middle := left + (float64(row)+0.5)*slot
			for j, s := range part.series {
				v := s.values[row]
				if math.IsNaN(v) {
					continue
				}
				x, end := middle+(float64(j)-float64(len(series))/2)*width, bottom-y.at(v)*(bottom-top)
				f.described("rect", t.point(row, series[j]), "x", x, "y", min(end, zero), "width", max(width-1, width*0.8), "height", math.Abs(end-zero), "fill", palette[series[j]])
				if printed {
					beyond := end - 6
					if v < 0 {
						beyond = end + 15
					}
					f.text(x+width/2, beyond, part.format(j, v), "font-size", textSize, "fill", ink, "text-anchor", "middle")
				}
			}
		}
		f.stroke(left, zero, right, zero, axis)
	}
	_, bottom := f.plot(t, len(panels)-1, len(panels))
	end := 0.0
	for row, label := range t.axisLabels() { // as many as fit
		middle := left + (float64(row)+0.5)*slot
		label = shorten(label, textSize, 160)
		if half := textWidth(label, textSize) / 2; middle-half > end && middle+half < f.width-4 {
			f.label(middle, bottom+20, "middle", label)
			end = middle + half + 8
		}
	}
	f.label((left+right)/2, f.height-margin+4, "middle", f.fit(t.by, textSize))
}

func (f *frame) horizontalBars(t *table) {
	panels := t.panels()
	rows := float64(len(t.labels))
	most := 1.0
	for _, series := range panels {
		most = max(most, float64(len(series)))
	}
	top := f.headHeight(len(t.series) > 1) + 28
	const foot = margin + 40
	f.height = max(f.height, top+rows*max(22, 9*most+8)+foot)
	f.begin(t.describe("bars"))
	f.legend(t, f.barKey)
	names := min(widest(t.labels), f.width*0.36)
	bottom := f.height - foot
	slot := (bottom - top) / rows
	f.label(margin, top-10, "start", f.fit(t.by, textSize))
	for i, label := range t.labels {
		f.text(margin+names, top+(float64(i)+0.5)*slot+4.5, shorten(label, textSize, names), "font-size", textSize, "fill", ink, "text-anchor", "end")
	}
	const between = 24.0
	begin := margin + names + 10
	span := (f.width - margin - begin - between*float64(len(panels)-1)) / float64(len(panels))
	for i, series := range panels {
		left := begin + float64(i)*(span+between)
		f.horizontalPanel(t, series, left, left+span, top, bottom)
	}
}

// horizontalPanel draws the horizontal bars of some series between left and right.
func (f *frame) horizontalPanel(t *table, series []int, left, right, top, bottom float64) {
	part, middleOfAll := t.of(series), (left+right)/2
	low, high := part.fromZero()
	printed := len(series) == 1
	if printed {
		values := 0.0
		for _, v := range part.series[0].values {
			if !math.IsNaN(v) {
				values = max(values, textWidth(part.format(0, v), textSize)+8)
			}
		}
		right -= values
		if low < 0 {
			left += values
		}
	}
	x := part.scale(low, high, max(1, int((right-left)/90)))
	for _, tick := range x.ticks() {
		at := left + x.at(tick)*(right-left)
		f.stroke(at, top, at, bottom, grid)
		f.label(at, bottom+18, "middle", x.label(tick))
	}
	f.label(middleOfAll, f.height-margin+4, "middle", shorten(part.value, textSize, right-left))
	slot := (bottom - top) / float64(len(t.labels))
	width := min(slot*0.76/float64(len(series)), 40)
	zero := left + x.at(0)*(right-left)
	for i := range t.labels {
		middle := top + (float64(i)+0.5)*slot
		for j, s := range part.series {
			v := s.values[i]
			if math.IsNaN(v) {
				continue
			}
			y := middle + (float64(j)-float64(len(series))/2)*width
			end := left + x.at(v)*(right-left)
			f.described("rect", t.point(i, series[j]), "x", min(end, zero), "y", y, "width", math.Abs(end-zero), "height", max(width-1, 0.5), "fill", palette[series[j]])
			switch {
			case printed && v < 0:
				f.text(end-5, middle+4.5, part.format(j, v), "font-size", textSize, "fill", ink, "text-anchor", "end")
			case printed:
				f.text(end+5, middle+4.5, part.format(j, v), "font-size", textSize, "fill", ink)
			}
		}
	}
	f.stroke(zero, top, zero, bottom, axis)
}

// grow makes room for panels above each other.
func (f *frame) grow(panels int) {
	if panels > 1 {
		f.height = max(f.height, 130+float64(panels)*170)
	}
}

// plot returns where the plot of one of several panels with vertical value axes begins and ends.
func (f *frame) plot(t *table, panel, panels int) (top, bottom float64) {
	head := f.headHeight(len(t.series) > 1) + 16
	const caption = 20.0
	height := (f.height - margin - 44 - head) / float64(panels)
	top = head + float64(panel)*height
	bottom = top + height
	if panel < panels-1 {
		bottom -= 26
	}
	if t.value != "" || panels > 1 {
		top += caption
	}
	return top, bottom
}

// width returns the width of the widest tick label.
func (s scale) width() float64 {
	var labels []string
	for _, tick := range s.ticks() {
		labels = append(labels, s.label(tick))
	}
	return widest(labels)
}

// valueAxis draws the vertical axis with its name and grid.
func (f *frame) valueAxis(t *table, y scale, left, top, bottom float64) {
	for _, tick := range y.ticks() {
		at := bottom - y.at(tick)*(bottom-top)
		f.stroke(left, at, f.width-margin, at, grid)
		f.label(left-8, at+4.5, "end", y.label(tick))
	}
	f.label(margin, top-14, "start", f.fit(t.value, textSize))
}

func (f *frame) barKey(x, y float64, series int) {
	f.element("rect", "", "x", x+6, "y", y-6, "width", 13, "height", 13, "fill", palette[series])
}

// valuesFit reports whether each number has room above its bar.
func (t *table) valuesFit(slot, width float64) bool {
	room := width
	if len(t.series) == 1 {
		room = slot
	}
	for i, s := range t.series {
		for _, v := range s.values {
			if !math.IsNaN(v) && textWidth(t.format(i, v), textSize) > room-2 {
				return false
			}
		}
	}
	return true
}

// point describes one number as text.
func (t *table) point(row, series int) string {
	s := t.series[series]
	if len(t.series) > 1 {
		return fmt.Sprintf("%s, %s: %s", t.labels[row], s.name, t.format(series, s.values[row]))
	}
	return fmt.Sprintf("%s: %s", t.labels[row], t.format(series, s.values[row]))
}

// extreme formats a value of any series, with the most decimals of all series.
func (t *table) extreme(v float64) string {
	most := 0
	for _, s := range t.series {
		most = max(most, s.decimals)
	}
	return formatDecimals(v, most)
}

// describe describes the picture as text.
func (t *table) describe(picture string) string {
	low, high := t.bounds()
	summary := fmt.Sprintf("%s of %s from %s to %s", picture, count(len(t.labels), "row"), t.extreme(low), t.extreme(high))
	if len(t.series) > 1 || len(t.labels) > 12 {
		return summary
	}
	points := make([]string, len(t.labels))
	for i := range t.labels {
		points[i] = strings.ReplaceAll(t.point(i, 0), "NaN", "no value")
	}
	return summary + ": " + strings.Join(points, ", ")
}
