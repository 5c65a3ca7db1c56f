package lineage

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Sizes of the picture, in pixels.
const (
	boxWidth, boxHeight = 220, 52
	gapX, gapY          = 90, 22
	margin              = 20
	maxLabel            = 26 // characters of a name that fit into a box
)

const pictureStyle = `svg{background:#fff;font:13px system-ui,sans-serif}rect{fill:#f6f8fa;stroke:#8c959f}.asked{fill:#ddf4ff;stroke:#0969da;stroke-width:2}` +
	`.failed{stroke:#cf222e}.run{fill:#fff;stroke-dasharray:4 3}.dataset{fill:#fff8c5}.report{fill:#dafbe1}text{fill:#1f2328}.small{font-size:11px;fill:#59636e}path{fill:none;stroke:#8c959f;stroke-width:1.5}`

// layers returns the layer of each node: those that nothing was made from come first, and each edge leads to a later layer.
func layers(g *Graph) map[string]int {
	into := map[string][]string{}
	for _, e := range g.Edges {
		into[e.To] = append(into[e.To], e.From)
	}
	layer := map[string]int{}
	var place func(id string) int
	place = func(id string) int {
		if l, ok := layer[id]; ok {
			return l
		}
		layer[id] = 0 // jobs may read what they wrote before; such an edge leads back
		l := 0
		for _, from := range into[id] {
			l = max(l, place(from)+1)
		}
		layer[id] = l
		return l
	}
	for _, n := range g.Nodes {
		place(n.ID)
	}
	return layer
}

type point struct{ x, y int }

// draw returns the graph as SVG, from left to right.
func draw(g *Graph) []byte {
	layer := layers(g)
	heights, at := map[int]int{}, map[string]point{}
	var width, height int
	for _, n := range g.Nodes {
		l := layer[n.ID]
		at[n.ID] = point{margin + l*(boxWidth+gapX), margin + heights[l]*(boxHeight+gapY)}
		heights[l]++
		width, height = max(width, at[n.ID].x+boxWidth+margin), max(height, at[n.ID].y+boxHeight+margin)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img"><title>Lineage</title><style>%[3]s</style>`, width, height, pictureStyle)
	out.WriteString(`<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8"/></marker></defs>`)
	for _, e := range g.Edges {
		from, to := at[e.From], at[e.To]
		x, y, u, v := from.x+boxWidth, from.y+boxHeight/2, to.x, to.y+boxHeight/2
		fmt.Fprintf(&out, `<path d="M%d %dC%d %d %d %d %d %d" marker-end="url(#end)"><title>%s</title></path>`, x, y, x+gapX/2, y, u-gapX/2, v, u, v, escape(e.Name))
	}
	asked := key{g.DatasetID, g.Version}.String()
	for _, n := range g.Nodes {
		name, details, class := describe(n)
		if n.ID == asked {
			class = "asked"
		}
		p := at[n.ID]
		fmt.Fprintf(&out, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="6"/><text x="%d" y="%d">%s</text><text class="small" x="%d" y="%d">%s</text></g>`,
			escape(name+", "+details), class, p.x, p.y, boxWidth, boxHeight, p.x+12, p.y+22, escape(shorten(name)), p.x+12, p.y+40, escape(shorten(details)))
	}
	out.WriteString(`</svg>`)
	return out.Bytes()
}

// describe returns the two lines in the box of a node, and the class of the box.
func describe(n Node) (name, details, class string) {
	if name = "not visible"; n.Name != nil {
		name = *n.Name
	}
	switch {
	case n.Kind == "run" && n.ReportID != nil:
		return name, "run of a report", n.Kind
	case n.Kind == "run" && n.RunID == nil:
		return name, "job", n.Kind
	case n.Kind == "run":
		return name, "run of a job · " + strings.ToLower(*n.Status), n.Kind
	case n.Kind == "dataset":
		return name, *n.Namespace, n.Kind
	case n.Kind == "report":
		return name, "report", n.Kind
	}
	details = fmt.Sprintf("version %d", *n.Version)
	if n.Operation != nil {
		details += " · " + *n.Operation
	}
	if n.Status != nil && *n.Status != "ready" {
		details, class = details+" · "+*n.Status, *n.Status
	}
	return name, details, class
}

func shorten(name string) string {
	if letters := []rune(name); len(letters) > maxLabel {
		return string(letters[:maxLabel-1]) + "…"
	}
	return name
}

// escape returns text for XML; characters that XML does not allow become U+FFFD.
func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer does not fail
	return out.String()
}
