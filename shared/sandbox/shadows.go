package sandbox

import (
	"fmt"
)

// maxExpansion bounds the bytes or elements that one call of a multiplying function may return. DuckDB evaluates
// 2,048 rows at a time and does not count these values against its memory limit.
const maxExpansion = 64 << 10

// tooLong begins the error message of a bounded function.
const tooLong = "one value would hold more than"

// shadows returns macros that replace the multiplying functions by bounded ones. The statement check keeps queries
// from naming the originals, which are in the catalog "system".
func shadows() []string {
	bounded := func(size, original string) string {
		return fmt.Sprintf("CASE WHEN %s > %d THEN error('%s %d bytes or elements') ELSE system.main.%s END", size, maxExpansion, tooLong, maxExpansion, original)
	}
	// Arguments are numbers or times; their text shows which.
	number := func(x string) string {
		return fmt.Sprintf("coalesce(TRY_CAST(CAST(%[1]s AS VARCHAR) AS DOUBLE), epoch(TRY_CAST(CAST(%[1]s AS VARCHAR) AS TIMESTAMP)))", x)
	}
	span := number("stop") + " - " + number("start")
	step := "coalesce(TRY_CAST(CAST(step AS VARCHAR) AS DOUBLE), epoch(TRY_CAST(CAST(step AS VARCHAR) AS INTERVAL)))"
	macros := []string{
		"repeat(x, n) AS " + bounded("CAST(n AS DOUBLE) * greatest(len(x), 1)", "repeat(x, n)"),
	}
	for _, name := range []string{"lpad", "rpad"} {
		macros = append(macros, fmt.Sprintf("%s(x, n, y) AS %s", name, bounded("n", name+"(x, n, y)")))
	}
	for _, name := range []string{"list_resize", "array_resize"} {
		macros = append(macros, fmt.Sprintf("%s(x, n) AS %s, (x, n, y) AS %s", name, bounded("n", name+"(x, n)"), bounded("n", name+"(x, n, y)")))
	}
	for _, name := range []string{"range", "generate_series"} {
		macros = append(macros, fmt.Sprintf("%s(stop) AS %s, (start, stop) AS %s, (start, stop, step) AS %s", name,
			bounded("stop", name+"(stop)"), bounded(span, name+"(start, stop)"),
			bounded(fmt.Sprintf("abs((%s) / %s)", span, step), name+"(start, stop, step)")))
	}
	for i := range macros {
		macros[i] = "CREATE MACRO " + macros[i]
	}
	return macros
}
