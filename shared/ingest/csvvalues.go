package ingest

import (
	"sync"

	"function/shared/ingest/inference"
	"function/shared/ingest/textfile"
)

// csvValues infers types from records, while the next ones are read.
type csvValues struct {
	forms   *forms
	columns []*inference.Column

	next    *textfile.CSVBlock
	full    chan *textfile.CSVBlock
	empty   chan *textfile.CSVBlock
	working sync.WaitGroup
}

// blocks is how many blocks there are: one is filled, one is read, and one waits.
const blocks = 3

func collect(forms *forms) *csvValues {
	v := &csvValues{forms: forms, full: make(chan *textfile.CSVBlock, blocks), empty: make(chan *textfile.CSVBlock, blocks), next: &textfile.CSVBlock{}}
	for range blocks - 1 {
		v.empty <- &textfile.CSVBlock{}
	}
	v.working.Go(func() {
		for block := range v.full {
			for len(v.columns) < block.Columns() {
				v.columns = append(v.columns, forms.Field())
			}
			for i, column := range v.columns {
				block.Each(i, column.Add)
			}
			block.Reset()
			v.empty <- block
		}
	})
	return v
}

// add adds the values of a record.
func (v *csvValues) add(r *textfile.CSVRecord) {
	if v.next.Add(r); v.next.Full() {
		v.full <- v.next
		v.next = <-v.empty
	}
}

// column returns what the values of column i tell.
func (v *csvValues) column(i int) *inference.Column {
	if i >= len(v.columns) {
		return v.forms.Field()
	}
	return v.columns[i]
}

// finish waits until all values have been read.
func (v *csvValues) finish() {
	v.full <- v.next
	close(v.full)
	v.working.Wait()
}
