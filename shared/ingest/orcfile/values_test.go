package orcfile

import (
	"fmt"
	"testing"

	"function/shared/orc"
)

// Files with values that the writers of write.py do not write.
func TestConvert_ValuesOfOtherWriters_AreKept(t *testing.T) {
	t.Parallel()
	data := func(b ...byte) stream { return stream{1, orc.Data, b} }
	secondary := func(b ...byte) stream { return stream{1, orc.Secondary, b} }
	proleptic := func(b *builder) { b.footer = b.footer.number(11, orc.CalendarProleptic) }
	for name, test := range map[string]struct {
		file builder
		want string
	}{
		"decimals of Hive 0.11": {table(3, []message{kind(orc.Decimal)}, data(3, 2, 20), secondary(0xfd, 2, 4, 1)), "-0.2 0.01 100"},
		"tag of a null":         {table(1, []message{kind(orc.Union, 2), kind(orc.Long)}, data(0xff, 0), stream{2, orc.Present, []byte{0xff, 0}}), `{"field0":null,"tag":0}`},
		"the last Julian day":   {table(1, []message{kind(orc.Date)}, data(0xff, 0xe7, 0xa1, 0x11)), "1582-10-04"},
		"the same, proleptic":   {table(1, []message{kind(orc.Date)}, data(0xff, 0xe7, 0xa1, 0x11)).with(proleptic), "1582-10-14"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, refusal := rows(t, test.file.build())
			if refusal != "" {
				t.Fatal(refusal)
			}
			column := table.Column(0).Data().Chunks()[0]
			got := ""
			for i := range column.Len() {
				got += fmt.Sprint(" ", column.ValueStr(i))
			}
			if got[1:] != test.want {
				t.Errorf("got %s, want %s", got[1:], test.want)
			}
		})
	}
}
