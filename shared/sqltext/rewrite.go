// Package sqltext rewrites what the platform's SQL has beyond the database's own: parameters written ?, and versions of
// data sets written table@ref.
package sqltext

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Error is a fault of the text at a character, counted from 1; zero if the position is unknown.
type Error struct {
	Character int
	Message   string
}

func (e *Error) Error() string { return e.Message }

// Rewritten is SQL with its parameters rewritten as placeholders of the database.
type Rewritten struct {
	SQL        string
	parameters int
	shifts     []shift
}

// shift records a parameter: the position of its ? in the original text, and by how many
// characters the new text is longer after it.
type shift struct{ at, by int }

// Original maps a character position (from 1) in the new text to a position in the author's text.
func (n Rewritten) Original(character int) int {
	by := 0
	for _, s := range n.shifts {
		if character < s.at+by {
			break
		}
		if character <= s.at+s.by {
			return s.at
		}
		by = s.by
	}
	return character - by
}

const maxParameters = 100

// Rewrite replaces each parameter ? of one statement with the result of placeholder, whose
// argument reports whether the parameter is an item of IN (…). It drops a trailing semicolon. It
// follows PostgreSQL's lexical rules (standard_conforming_strings on): strings and their
// continuation, E'…' strings, quoted identifiers, dollar quotes, nested comments. A ? outside of
// these is always a parameter, so the operators ?, ?| and ?& must be written jsonb_exists,
// jsonb_exists_any and jsonb_exists_all.
func Rewrite(sql string, placeholder func(item bool) string) (Rewritten, error) {
	s := scanner{sql: sql, placeholder: placeholder}
	return s.rewrite()
}

func (s *scanner) rewrite() (Rewritten, error) {
	sql := s.sql
	for s.at < len(sql) {
		if err := s.token(); err != nil {
			return Rewritten{}, err
		}
	}
	switch {
	case !s.seen:
		return Rewritten{}, &Error{0, "the query is empty"}
	case s.depth != 0:
		return Rewritten{}, &Error{0, "a parenthesis is not closed"}
	}
	if s.ended {
		s.out.WriteString(sql[s.copied:s.semicolon])
	} else {
		s.out.WriteString(sql[s.copied:])
	}
	return Rewritten{SQL: s.out.String(), parameters: len(s.shifts), shifts: s.shifts}, nil
}

type scanner struct {
	sql         string
	at          int // bytes read
	copied      int // bytes already copied to out
	out         strings.Builder
	shifts      []shift
	placeholder func(item bool) string  // nil: parameters stay
	version     func(table, ref string) // called for table@ref, which is then quoted; nil: it stays
	depth       int                     // of parentheses
	in          []bool                  // whether each open parenthesis follows IN
	last        string                  // the previous token, to recognize IN (…)
	seen        bool                    // whether anything other than space and comments was read
	ended       bool                    // whether a semicolon was read
	semicolon   int
}

// fail returns the error at a byte of the text.
func (s *scanner) fail(at int, message string) error {
	return &Error{utf8.RuneCountInString(s.sql[:at]) + 1, message}
}

var (
	spaceOrComment = regexp.MustCompile(`^(?:[ \t\n\r\f\v]+|--[^\n\r]*)`)
	word           = regexp.MustCompile(`^[A-Za-z_\x{80}-\x{10FFFF}][A-Za-z0-9_$\x{80}-\x{10FFFF}]*`)
	itemEnd        = regexp.MustCompile(`^(?:\s|--[^\n]*\n|/\*[^*]*\*/)*[,)]`)
	dollarTag      = regexp.MustCompile(`^\$(?:[A-Za-z_\x{80}-\x{10FFFF}][A-Za-z0-9_\x{80}-\x{10FFFF}]*)?\$`)
	versionRef     = regexp.MustCompile(`^@([A-Za-z0-9][A-Za-z0-9._-]*)`)
	continuation   = regexp.MustCompile(`^(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'`)
)

// token reads one token or a run of space.
func (s *scanner) token() error {
	rest := s.sql[s.at:]
	if space := spaceOrComment.FindString(rest); space != "" {
		s.at += len(space)
		return nil
	}
	if strings.HasPrefix(rest, "/*") {
		return s.comment()
	}
	if s.ended {
		return s.fail(s.at, "the query contains more than one statement: send one at a time")
	}
	s.seen = s.seen || rest[0] != ';'
	if name := word.FindString(rest); name != "" {
		if s.version != nil {
			if ref := versionRef.FindStringSubmatch(rest[len(name):]); ref != nil {
				s.reference(name, ref[1])
				return nil
			}
		}
		s.at += len(name)
		s.last = strings.ToLower(name)
		if strings.EqualFold(name, "e") && strings.HasPrefix(s.sql[s.at:], "'") {
			return s.escapeString()
		}
		return nil
	}
	last := s.last
	s.last = rest[:1]
	switch rest[0] {
	case '\'':
		return s.quoted('\'', "a string is not closed")
	case '"':
		begin := s.at
		if err := s.quoted('"', "a quoted name is not closed"); err != nil || s.version == nil {
			return err
		}
		name := strings.ReplaceAll(s.sql[begin+1:s.at-1], `""`, `"`)
		if table, ref, ok := strings.Cut(name, "@"); ok {
			s.version(table, ref)
		}
		return nil
	case '$':
		return s.dollar()
	case '?':
		if s.placeholder == nil {
			break
		}
		if len(s.shifts) == maxParameters {
			return s.fail(s.at, "the query has more than 100 parameters")
		}
		s.parameter(len(s.in) > 0 && s.in[len(s.in)-1] && (last == "(" || last == ",") && itemEnd.MatchString(rest[1:]))
	case ';':
		s.ended, s.semicolon = true, s.at
	case '(':
		s.depth++
		s.in = append(s.in, last == "in")
	case ')':
		if s.depth--; s.depth < 0 {
			return s.fail(s.at, "a parenthesis is closed that was not opened")
		}
		s.in = s.in[:s.depth]
	}
	s.at++
	return nil
}

func (s *scanner) parameter(item bool) { s.replace(1, s.placeholder(item)) }

// reference quotes table@ref.
func (s *scanner) reference(table, ref string) {
	name := table + "@" + ref
	s.replace(len(name), `"`+name+`"`)
	s.at += len(name)
	s.version(table, ref)
}

// replace writes text in place of the next bytes.
func (s *scanner) replace(bytes int, text string) {
	s.out.WriteString(s.sql[s.copied:s.at])
	by := utf8.RuneCountInString(text) - utf8.RuneCountInString(s.sql[s.at:s.at+bytes])
	if n := len(s.shifts); n > 0 {
		by += s.shifts[n-1].by
	}
	s.out.WriteString(text)
	s.shifts = append(s.shifts, shift{at: utf8.RuneCountInString(s.sql[:s.at]) + 1, by: by})
	s.copied = s.at + bytes
}

func (s *scanner) comment() error {
	depth := 0
	for i := s.at; i < len(s.sql); {
		switch {
		case strings.HasPrefix(s.sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(s.sql[i:], "*/"):
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			s.at = i
			return nil
		}
	}
	return s.fail(s.at, "a comment is not closed")
}

// quoted reads to the closing quote. A doubled quote is part of the text.
func (s *scanner) quoted(quote byte, unclosed string) error {
	for i := s.at + 1; i < len(s.sql); i++ {
		if s.sql[i] != quote {
			continue
		}
		if i+1 < len(s.sql) && s.sql[i+1] == quote {
			i++
			continue
		}
		s.at = i + 1
		return nil
	}
	return s.fail(s.at, unclosed)
}

// escapeString reads E'…', in which a backslash escapes a quote. This also holds for the strings
// that continue it on further lines.
func (s *scanner) escapeString() error {
	begin := s.at
	for i := s.at + 1; i < len(s.sql); i++ {
		switch s.sql[i] {
		case '\\':
			i++
		case '\'':
			if strings.HasPrefix(s.sql[i+1:], "'") {
				i++
			} else if more := continuation.FindString(s.sql[i+1:]); more != "" {
				i += len(more)
			} else {
				s.at = i + 1
				return nil
			}
		}
	}
	return s.fail(begin, "a string is not closed")
}

func (s *scanner) dollar() error {
	tag := dollarTag.FindString(s.sql[s.at:])
	if tag == "" {
		if next := s.sql[s.at+1:]; next != "" && next[0] >= '0' && next[0] <= '9' {
			return s.fail(s.at, "parameters are written ?, not $1")
		}
		s.at++
		return nil
	}
	end := strings.Index(s.sql[s.at+len(tag):], tag)
	if end < 0 {
		return s.fail(s.at, "a dollar-quoted string is not closed")
	}
	s.at += len(tag) + end + len(tag)
	return nil
}
