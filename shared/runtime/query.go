package runtime

import (
	"maps"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/fault"
	"function/shared/problem"
)

// checkQuery refuses unknown and repeated query parameters. If it ignored them, a misspelled filter
// would match everything.
func checkQuery(hctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hctx)
	if r.URL.RawQuery != "" {
		if err := validateQuery(r.URL.RawQuery, hctx.Operation().Parameters); err != nil {
			problem.Of(hctx.Context(), err).Write(w)
			return
		}
	}
	next(hctx)
}

func validateQuery(text string, parameters []*huma.Param) error {
	sent, err := url.ParseQuery(text)
	if err != nil {
		return fault.At("query", "the query must be percent-encoded name=value pairs joined by &")
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		i := slices.IndexFunc(parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		switch {
		case i < 0:
			return fault.At("query."+name, "unknown query parameter")
		case len(sent[name]) > 1 && parameters[i].Schema.Type != huma.TypeArray:
			return fault.At("query."+name, "the query parameter appears more than once")
		}
	}
	return nil
}
