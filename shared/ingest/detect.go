package ingest

import "function/shared/ingest/reading"

// detected tells how a file was read.
func detected(src Source, t *table, columns []ColumnProfile) reading.Detected {
	d := reading.Detected{Options: src.Reading, Format: src.Format, Compression: src.Compression, Encoding: src.encoding}
	if t.dialect != nil {
		quote := string(t.dialect.Quote)
		d.Delimiter, d.Quote, d.Header = string(t.dialect.Delimiter), &quote, "present"
		if src.Reading.HeaderAbsent() {
			d.Header = "absent"
		}
	}
	for i, c := range columns {
		read := reading.ReadColumn{Name: c.Name, Type: c.Type}
		if i < len(t.columns) && t.columns[i].values != nil { // after them come columns that a JSON file lacks
			read.NullWords = t.columns[i].values.Words(c.Type == "VARCHAR")
		}
		d.Columns = append(d.Columns, read)
	}
	return d
}
