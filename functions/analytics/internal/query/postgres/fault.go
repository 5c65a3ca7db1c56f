package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"function/functions/analytics/internal/query"
	"function/shared/database"
	"function/shared/resultset"
	"function/shared/sqltext"
)

// selecting matches the beginning of a query that can stand in parentheses.
var selecting = regexp.MustCompile(`(?is)^(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with|values|table)\b`)

// explain translates an error of PostgreSQL into a fault for the author of the query. It wraps
// errors that are not the query's fault.
func explain(ctx context.Context, err error, text sqltext.Rewritten, limits query.Limits) error {
	var long *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &long) || errors.Is(err, resultset.ErrRowTooLarge) {
		return query.RowTooLarge(limits.Bytes)
	}
	var e *pgconn.PgError
	if ctx.Err() != nil || !errors.As(err, &e) {
		return fmt.Errorf("query projections: %w", err)
	}
	switch e.Code {
	case "57014": // query_canceled
		return query.TooSlow(limits.Time)
	case "53400", "53200", "53100": // configuration_limit_exceeded, out_of_memory, disk_full
		return query.Wrong(0, "the query needs more memory or temporary space than it may use: select fewer rows or columns, or aggregate")
	case "42501": // insufficient_privilege
		return query.Wrong(0, "the query uses something that is not available here: the tables are users, datasets and logins")
	case "25006": // read_only_sql_transaction
		return query.Wrong(0, "only SELECT queries can run here")
	case "42601": // syntax_error
		if !selecting.MatchString(text.SQL) {
			return query.Wrong(0, "only SELECT queries can run here")
		}
	case "42P01": // undefined_table
		return query.Wrong(position(e, text), "%s; the tables are users, datasets and logins", message(e))
	}
	switch {
	case database.IsUnavailable(err), strings.HasPrefix(e.Code, "58"): // system_error
		return fmt.Errorf("query projections: %w", err)
	case strings.HasPrefix(e.Code, "XX"): // internal_error: its message is not meant for users
		return query.Wrong(0, "PostgreSQL cannot run this query").Because(err)
	}
	return query.Wrong(position(e, text), "%s", message(e))
}

// position returns the position of the error in the author's text, or 0 if it is unknown.
func position(e *pgconn.PgError, text sqltext.Rewritten) int {
	inText := int(e.Position) - len(wrapBefore)
	if inText < 1 || inText > utf8.RuneCountInString(text.SQL) {
		return 0
	}
	return text.Original(inText)
}

// message returns the server's message on one line of limited length, with a short hint appended.
func message(e *pgconn.PgError) string {
	line := strings.Join(strings.FieldsFunc(e.Message, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(line); len(runes) > 200 {
		line = string(runes[:200]) + "…"
	}
	if e.Hint != "" && len(e.Hint) < 200 {
		line += " (" + e.Hint + ")"
	}
	return line
}
