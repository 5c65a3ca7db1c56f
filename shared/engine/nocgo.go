//go:build !cgo

package engine

import (
	"context"
	"errors"

	"function/shared/resultset"
)

var errNeedsCgo = errors.New("DuckDB needs cgo: build with CGO_ENABLED=1 and a C compiler")

// Prepare needs cgo.
func Prepare(context.Context, Source, string, Options) (*Profile, error) { return nil, errNeedsCgo }

// Query needs cgo.
func Query(context.Context, []Table, string, []any, Limits) (*resultset.Set, error) {
	return nil, errNeedsCgo
}
