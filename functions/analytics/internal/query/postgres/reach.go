package postgres

import (
	"regexp"
	"unicode/utf8"

	"function/functions/analytics/internal/query"
)

// reaching are the words of PostgreSQL that reach out of the projections: the
// system's catalogs, functions and settings, large objects, functions that run SQL
// handed to them as text, and names written in Unicode escapes.
//
// The role that the SQL runs as is the barrier; this closes what PostgreSQL leaves
// open to every role (sleeping, other sessions' statements, ending them). It looks
// at the raw text, in strings and comments too, and not at tokens, because then no
// difference between two scanners can hide a word from it: an identifier stands in
// the text as it is, or as a Unicode escape, which is refused; and without the
// functions that run text there is no way to put one together. A value that holds
// such a word can be passed as a parameter.
var reaching = regexp.MustCompile(`(?i)\b(?:pg_|lo_|lo(?:read|write)\b|dblink|current_setting|set_config|ts_stat|ts_rewrite|information_schema|tenancy|txid_|currtid|nextval|setval|inet_(?:client|server)_)\w*|_to_xml|\bU&"`)

func reachesOut(sql string) error {
	found := reaching.FindStringIndex(sql)
	if found == nil {
		return nil
	}
	return query.Wrong(utf8.RuneCountInString(sql[:found[0]])+1,
		"%.40q is not available here; a text that holds it can be passed as a parameter", sql[found[0]:found[1]])
}
