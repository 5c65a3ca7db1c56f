package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
)

// svg writes elements. Names of elements and attributes are constants of this package; all values
// are escaped by encoding/xml.
type svg struct {
	buffer  bytes.Buffer
	encoder *xml.Encoder
	err     error
}

func newSVG() *svg {
	s := &svg{}
	s.encoder = xml.NewEncoder(&s.buffer)
	return s
}

func (s *svg) token(t xml.Token) {
	if s.err == nil {
		s.err = s.encoder.EncodeToken(t)
	}
}

// open starts an element. attributes are pairs of name and value; a value is a string, an int, or a
// float64 in pixels.
func (s *svg) open(element string, attributes ...any) {
	start := xml.StartElement{Name: xml.Name{Local: element}}
	for i := 0; i+1 < len(attributes); i += 2 {
		value := ""
		switch v := attributes[i+1].(type) {
		case float64:
			value = pixels(v)
		default:
			value = fmt.Sprint(v)
		}
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: fmt.Sprint(attributes[i])}, Value: value})
	}
	s.token(start)
}

func (s *svg) close(element string) { s.token(xml.EndElement{Name: xml.Name{Local: element}}) }

// element writes an element that contains only text, if any.
func (s *svg) element(element, text string, attributes ...any) {
	s.open(element, attributes...)
	if text != "" {
		s.token(xml.CharData(text))
	}
	s.close(element)
}

// described writes a shape with a text that is its tooltip and accessible name.
func (s *svg) described(element, text string, attributes ...any) {
	s.open(element, attributes...)
	s.element("title", text)
	s.close(element)
}

func (s *svg) bytes() ([]byte, error) {
	if s.err == nil {
		s.err = s.encoder.Close()
	}
	if s.err != nil {
		return nil, fmt.Errorf("write SVG: %w", s.err)
	}
	return s.buffer.Bytes(), nil
}

// pixels formats a length to a tenth of a pixel.
func pixels(v float64) string { return trimZeros(strconv.FormatFloat(v, 'f', 1, 64)) }
