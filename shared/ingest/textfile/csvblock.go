package textfile

// CSVBlock keeps the values of some records.
type CSVBlock struct {
	text    []byte
	columns [][]span
	size    int
}

// span is a value's place in the text of a block.
type span struct{ start, end uint32 }

// Columns returns the number of columns.
func (b *CSVBlock) Columns() int { return len(b.columns) }

// Full reports whether the block is large enough to be handed on.
func (b *CSVBlock) Full() bool { return b.size >= 512<<10 }

// Add copies the values of a record.
func (b *CSVBlock) Add(r *CSVRecord) {
	for len(b.columns) < len(r.fields) {
		b.columns = append(b.columns, nil)
	}
	at := len(b.text)
	b.text = append(b.text, r.text...)
	for i, f := range r.fields {
		b.columns[i] = append(b.columns[i], span{uint32(at + f.start), uint32(at + f.end)})
	}
	b.size += len(r.text) + len(r.fields)*8
}

// Each calls visit with every value of a column.
func (b *CSVBlock) Each(column int, visit func([]byte)) {
	for _, s := range b.columns[column] {
		visit(b.text[s.start:s.end])
	}
}

// Reset empties the block.
func (b *CSVBlock) Reset() {
	b.text, b.size = b.text[:0], 0
	for i := range b.columns {
		b.columns[i] = b.columns[i][:0]
	}
}
