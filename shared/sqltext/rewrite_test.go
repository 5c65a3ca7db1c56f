package sqltext

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// number writes the parameters as $1, $2 …
func number(sql string) (Rewritten, error) {
	n := 0
	return Rewrite(sql, func(bool) string {
		n++
		return " $" + strconv.Itoa(n) + " "
	})
}

func TestRewrite_RecognizesParameters(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`SELECT ?`:                    `SELECT  $1 `,
		`a?b?1`:                       `a $1 b $2 1`,
		`'?' || "?" || ?`:             `'?' || "?" ||  $1 `,
		`'it''s ?' ?`:                 `'it''s ?'  $1 `,
		`'a\' ?`:                      `'a\'  $1 `,
		`E'a\'?' ?`:                   `E'a\'?'  $1 `,
		`e'a''?' ?`:                   `e'a''?'  $1 `,
		"E'a'\n'b\\'?' ?":             "E'a'\n'b\\'?'  $1 ",
		"E'a' -- c\n -- ?\n '\\'?' ?": "E'a' -- c\n -- ?\n '\\'?'  $1 ",
		"E'a' 'b\\' ?":                "E'a' 'b\\'  $1 ",
		"'a'\n'b\\' ?":                "'a'\n'b\\'  $1 ",
		`type'?' ?`:                   `type'?'  $1 `,
		`$$?$$ ?`:                     `$$?$$  $1 `,
		`$a$ $$ ? $b$ $a$ ?`:          `$a$ $$ ? $b$ $a$  $1 `,
		`$é$?$é$ ?`:                   `$é$?$é$  $1 `,
		`a$$ ? b$$`:                   `a$$  $1  b$$`,
		`/* ? /* ? */ ? */ ?`:         `/* ? /* ? */ ? */  $1 `,
		"-- ?\n?":                     "-- ?\n $1 ",
		`1e'\' ?'`:                    `1e'\' ?'`,
		`SELECT 1 ; -- the end ? /*`:  `SELECT 1 `,
		`?;`:                          ` $1 `,
		`SELECT '' ; /* ? */`:         `SELECT '' `,
		strings.Repeat("?,", 100):     ``,
	} {
		got, err := number(sql)
		if err != nil || want != "" && got.SQL != want {
			t.Errorf("%s becomes %q (%v), want %q", sql, got.SQL, err, want)
		}
	}
	for _, sql := range []string{
		``, ` `, `-- ?`, `/* */`, `;`, `'`, `'a''`, `"`, `E'\'`, `$$`, `$a$ $$`, `/*`, `/* /* */`, `(`, `)`, `)(`, `1;2`, `$1`, `a; ?`, `;;`,
		strings.Repeat("?", 101),
	} {
		if got, err := number(sql); err == nil {
			t.Errorf("%q becomes %q, want it refused", sql, got.SQL)
		}
	}
}

func FuzzRewrite(f *testing.F) {
	for _, sql := range []string{`SELECT ?, '?'`, "E'\\'?'\n'?' ?", `$a$?$a$ ? "?"`, `/* /* ? */ */ ? -- ?`, `a;b`, `é?é`, "\xff?'", `U&"\003f"?`} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		got, err := number(sql)
		if err != nil || !utf8.ValidString(sql) { // JSON strings are always valid UTF-8
			return
		}
		// The text between the parameters is the author's, complete and in order.
		rest, taken := sql, 0
		for i, part := range split(got) {
			if i > 0 {
				if !strings.HasPrefix(rest, "?") {
					t.Fatalf("parameter %d of %q is no ? of %q", i, got.SQL, sql)
				}
				rest, taken = rest[1:], taken+1
			}
			if !strings.HasPrefix(rest, part) {
				t.Fatalf("%q is not what is left of %q: %q", part, sql, rest)
			}
			rest = rest[len(part):]
		}
		if taken != got.parameters || rest != "" && rest[0] != ';' {
			t.Fatalf("%d of %d parameters of %q, and %q is left", taken, got.parameters, sql, rest)
		}
		for i, last := 1, 0; i <= utf8.RuneCountInString(got.SQL); i++ {
			at := got.Original(i)
			if at < last || at < 1 || at > utf8.RuneCountInString(sql) {
				t.Fatalf("character %d of %q comes from %d of %q, after %d", i, got.SQL, at, sql, last)
			}
			last = at
		}
		again, err := number(got.SQL)
		if got.parameters == 0 && (err != nil || again.SQL != got.SQL) {
			t.Fatalf("%q becomes %q (%v) the second time", got.SQL, again.SQL, err)
		}
	})
}

// split splits the new text at its parameters.
func split(n Rewritten) []string {
	var parts []string
	from, runes := 0, []rune(n.SQL)
	before := 0
	for _, s := range n.shifts {
		parts = append(parts, string(runes[from:s.at+before-1]))
		from, before = s.at+s.by, s.by
	}
	return append(parts, string(runes[from:]))
}
