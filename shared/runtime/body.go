package runtime

import (
	"bytes"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/function"
	"function/shared/problem"
)

// encoding/json matches member names case-insensitively. huma must not validate `email` only to
// have encoding/json decode `Email`.
func init() { huma.ValidateStrictCasing = true }

// checkBody reads the body before huma does, if huma is to read one, and refuses what huma would
// misread.
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
	r.Header.Set("Content-Type", function.JSONType) // huma knows only this spelling
	next(hctx)
}

// readByHuma reports whether huma reads the body. For an operation that reads the body itself, the
// schema is among the extensions; see function.Raw.
func readByHuma(operation *huma.Operation) bool {
	return operation.RequestBody != nil && operation.RequestBody.Content[function.JSONType] != nil && operation.RequestBody.Content[function.JSONType].Schema != nil
}
