package function

import (
	"maps"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/fault"
)

// openQuery marks an operation in its Metadata.
const openQuery = "open query"

// OpenQuery is the Metadata of an operation that ignores query parameters which it
// does not know, as its protocol has it.
var OpenQuery = map[string]any{openQuery: true}

// checkQuery refuses what would be ignored: a filter that is spelt wrong would answer
// everything.
func checkQuery(hctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(hctx)
	if r.URL.RawQuery != "" && hctx.Operation().Metadata[openQuery] == nil {
		if err := isQuery(r.URL.RawQuery, hctx.Operation().Parameters); err != nil {
			problemOf(hctx.Context(), err).write(w)
			return
		}
	}
	next(hctx)
}

func isQuery(text string, parameters []*huma.Param) error {
	sent, err := url.ParseQuery(text)
	if err != nil {
		return fault.At("query", "the query is not name=value pairs, joined by & and percent-encoded")
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		i := slices.IndexFunc(parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		switch {
		case i < 0:
			return fault.At("query."+name, "there is no query parameter of this name")
		case len(sent[name]) > 1 && parameters[i].Schema.Type != huma.TypeArray:
			return fault.At("query."+name, "the query parameter is there twice")
		}
	}
	return nil
}
