package postgres

import (
	"regexp"
	"unicode/utf8"

	"function/functions/analytics/internal/query"
)

// forbidden matches the words with which SQL can reach beyond the projections: system catalogs,
// functions and settings, large objects, functions that run SQL passed as text, and identifiers
// written as Unicode escapes.
//
// The actual barrier is the role that the SQL runs as. This check closes what PostgreSQL leaves
// open to every role: sleeping, reading other sessions' statements, ending other sessions. It
// examines the raw text, including strings and comments, and not tokens, so that no difference
// between two scanners can hide a word from it. An identifier appears in the text either
// literally or as a Unicode escape, which is refused, and without the functions that run text
// none can be assembled. A value that contains such a word can be passed as a parameter.
var forbidden = regexp.MustCompile(`(?i)\b(?:pg_|lo_|lo(?:read|write)\b|dblink|current_setting|set_config|ts_stat|ts_rewrite|information_schema|tenancy|txid_|currtid|nextval|setval|inet_(?:client|server)_)\w*|_to_xml|\bU&"`)

func checkForbidden(sql string) error {
	found := forbidden.FindStringIndex(sql)
	if found == nil {
		return nil
	}
	return query.Wrong(utf8.RuneCountInString(sql[:found[0]])+1,
		"%.40q is not available here; pass text that contains it as a parameter", sql[found[0]:found[1]])
}
