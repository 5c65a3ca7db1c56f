package resultset

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrRowTooLarge is a row that would not fit if it were the only one.
var ErrRowTooLarge = errors.New("a row exceeds the size limit of the whole response")

// Builder gathers rows until a limit is met.
type Builder struct {
	set      Set
	maxRows  int
	maxBytes int64
	bytes    int64
}

// NewBuilder starts a set of at most maxRows rows whose JSON takes at most maxBytes bytes; zero means no limit.
func NewBuilder(columns []Column, maxRows int, maxBytes int64) *Builder {
	if columns == nil {
		columns = []Column{}
	}
	return &Builder{set: Set{Columns: columns, Rows: [][]any{}}, maxRows: maxRows, maxBytes: maxBytes}
}

// Add appends a row of values in the form that Value gives. It answers false, and marks the set truncated, when the
// row does not fit any more; the caller then stops reading. A row larger than a whole set may be is ErrRowTooLarge.
func (b *Builder) Add(row []any) (bool, error) {
	size, err := b.size(row)
	if err != nil {
		return false, fmt.Errorf("encode a row: %w", err)
	}
	full := b.maxRows > 0 && len(b.set.Rows) >= b.maxRows
	if !full && b.maxBytes > 0 && size > b.maxBytes {
		return false, ErrRowTooLarge
	}
	if full || b.maxBytes > 0 && b.bytes+size > b.maxBytes {
		b.set.Truncated = true
		return false, nil
	}
	b.bytes += size
	b.set.Rows = append(b.set.Rows, row)
	return true, nil
}

// size is the length of the row's JSON and a comma; text that alone exceeds the limit is not encoded first.
func (b *Builder) size(row []any) (int64, error) {
	if b.maxBytes <= 0 {
		return 0, nil
	}
	for _, v := range row {
		if s, ok := v.(string); ok && int64(len(s)) > b.maxBytes {
			return int64(len(s)), nil
		}
	}
	encoded, err := json.Marshal(row)
	return int64(len(encoded)) + 1, err
}

// Set is what was gathered.
func (b *Builder) Set() *Set { return &b.set }
