package chart

import (
	"strings"
)

// Colours: text and lines with WCAG contrast on white; series from Okabe and Ito (2008), which can
// be told apart with any colour vision. The dashes of lines make the same distinction without
// colour.
const (
	background = "#ffffff"
	border     = "#d0d7de"
	ink        = "#1f2328"
	muted      = "#57606a"
	grid       = "#e6e8eb"
	axis       = "#8c959f"
)

var (
	palette = [MaxSeries]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}
	dashes  = [MaxSeries]string{"none", "8 3", "2 3", "10 3 2 3", "14 4", "5 2 2 2 2 2"}
)

const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

// Font sizes and the picture's margin, in pixels.
const (
	titleSize = 18.0
	textSize  = 13.0
	margin    = 24.0
)

// frame is the picture around the plot.
type frame struct {
	*svg
	title         string
	notes         []string
	width, height float64
}

func newFrame(o Options) *frame {
	return &frame{svg: newSVG(), title: clean(o.Title, maxLabel),
		width:  float64(bounded(o.Width, defaultWidth, minWidth, maxWidth)),
		height: float64(bounded(o.Height, defaultHeight, minHeight, maxHeight))}
}

func bounded(v, otherwise, low, high int) int {
	if v == 0 {
		v = otherwise
	}
	return min(max(v, low), high)
}

// headHeight returns the height of the title, the notes and the legend.
func (f *frame) headHeight(legend bool) float64 {
	height := margin
	if f.title != "" {
		height += 28
	}
	if len(f.notes) > 0 {
		height += 20
	}
	if legend {
		height += 24
	}
	return height
}

// begin writes everything before the plot: the root element, the accessible text, the background,
// the title and the notes.
func (f *frame) begin(description string) {
	f.open("svg", "xmlns", "http://www.w3.org/2000/svg", "viewBox", "0 0 "+pixels(f.width)+" "+pixels(f.height),
		"width", f.width, "height", f.height, "role", "img", "aria-label", firstOf(f.title, description), "font-family", fontFamily)
	f.element("title", firstOf(f.title, description))
	f.element("desc", strings.Join(append([]string{description}, f.notes...), "; "))
	f.element("rect", "", "x", 0.5, "y", 0.5, "width", f.width-1, "height", f.height-1, "rx", 6, "fill", background, "stroke", border)
	y := margin
	if f.title != "" {
		f.text(margin, y+titleSize-3, f.fit(f.title, titleSize), "font-size", titleSize, "font-weight", 600, "fill", ink)
		y += 28
	}
	if len(f.notes) > 0 {
		f.text(margin, y+textSize-2, f.fit(strings.Join(f.notes, "; "), textSize), "font-size", textSize, "fill", muted)
	}
}

func (f *frame) end() ([]byte, error) {
	f.close("svg")
	return f.bytes()
}

func (f *frame) fit(s string, size float64) string { return shorten(s, size, f.width-2*margin) }

func (f *frame) text(x, y float64, s string, attributes ...any) {
	f.element("text", s, append([]any{"x", x, "y", y}, attributes...)...)
}

// label writes axis text. anchor is start, middle or end.
func (f *frame) label(x, y float64, anchor, s string) {
	f.text(x, y, s, "font-size", textSize, "fill", muted, "text-anchor", anchor)
}

func (f *frame) stroke(x1, y1, x2, y2 float64, colour string) {
	f.element("line", "", "x1", x1, "y1", y1, "x2", x2, "y2", y2, "stroke", colour, "stroke-width", 1)
}

// legend names the series, in one row at the end of the head.
func (f *frame) legend(t *table, draw func(x, y float64, series int)) {
	if len(t.series) < 2 {
		return
	}
	const key = 26.0
	room := (f.width-2*margin)/float64(len(t.series)) - key - 14
	x, y := margin, f.headHeight(true)-10
	for i, s := range t.series {
		draw(x, y-4, i)
		name := shorten(s.name, textSize, room)
		f.text(x+key, y, name, "font-size", textSize, "fill", ink)
		x += key + textWidth(name, textSize) + 14
	}
}

// sentence draws a text when there is nothing to plot.
func (f *frame) sentence(s string) ([]byte, error) {
	f.begin(s)
	f.text(f.width/2, f.height/2+6, s, "font-size", 20, "fill", muted, "text-anchor", "middle")
	return f.end()
}

// number draws a single number.
func (f *frame) number(t *table) ([]byte, error) {
	f.notes = append(f.notes, t.notes...)
	digits := formatNumber(t.series[0].values[0])
	if exact := group(t.exact); t.exact != "" && len(t.exact) <= 40 && isDecimal(t.exact) {
		digits = exact
	}
	caption := t.series[0].name
	if t.by != "" {
		caption = t.labels[0] + ": " + caption
	}
	f.begin(caption + " " + digits)
	size := min(96, (f.width-2*margin)/textWidth(digits, 1))
	middle := f.height/2 + margin/2
	f.text(f.width/2, middle+size/3, digits, "font-size", size, "font-weight", 600, "fill", palette[0], "text-anchor", "middle")
	f.text(f.width/2, middle+size/3+40, f.fit(caption, 16), "font-size", 16, "fill", muted, "text-anchor", "middle")
	return f.end()
}

// isDecimal reports whether s consists of digits, with an optional sign and decimal point.
func isDecimal(s string) bool {
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return whole != "" && strings.Trim(whole+fraction, "0123456789") == ""
}
