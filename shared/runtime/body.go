package runtime

import (
	"bytes"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/function"
	"function/shared/problem"
)

// encoding/json takes a member of another casing for the field; huma must not, or it
// would check one of `email` and `Email` and have the other used.
func init() { huma.ValidateStrictCasing = true }

// checkBody reads the body before huma does, where huma is to read one, and refuses
// what huma would misread.
func checkBody(hctx huma.Context, next func(huma.Context)) {
	if !readByHuma(hctx.Operation()) {
		next(hctx)
		return
	}
	body, err := function.ReadJSON(hctx)
	r, w := humago.Unwrap(hctx)
	if err != nil {
		problem.Of(hctx.Context(), err).Write(w)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", function.JSONType) // which is all that huma knows, in this spelling
	next(hctx)
}

// readByHuma tells a body that huma reads from one that the operation reads itself:
// that one's schema stands among the extensions, see Raw.
func readByHuma(operation *huma.Operation) bool {
	return operation.RequestBody != nil && operation.RequestBody.Content[function.JSONType] != nil && operation.RequestBody.Content[function.JSONType].Schema != nil
}
