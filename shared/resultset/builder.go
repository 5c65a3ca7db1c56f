package resultset

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrRowTooLarge is returned for a row that exceeds the size limit on its own.
var ErrRowTooLarge = errors.New("a row exceeds the size limit of the whole response")

// Builder collects rows up to a limit.
type Builder struct {
	set      Set
	maxRows  int
	maxBytes int64
	bytes    int64
}

// NewBuilder returns a builder of a set with at most maxRows rows and maxBytes bytes of JSON; zero
// means no limit.
func NewBuilder(columns []Column, maxRows int, maxBytes int64) *Builder {
	if columns == nil {
		columns = []Column{}
	}
	return &Builder{set: Set{Columns: columns, Rows: [][]any{}}, maxRows: maxRows, maxBytes: maxBytes}
}

// Add appends a row of values as returned by Value. If the row no longer fits, Add marks the set
// truncated and returns false, and the caller should stop reading. A row that exceeds the limit on
// its own is ErrRowTooLarge.
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

// size returns the length of the row's JSON with a comma. Text that alone exceeds the limit is not
// encoded first.
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

// Set returns the collected rows.
func (b *Builder) Set() *Set { return &b.set }
