package walk

import (
	"fmt"
	"net/http"
	"strings"
)

func (m *team) readNastyCSV() {
	h := m.create("sales", "local")
	const file = "Export of 2024\r\n# draft\r\nNr.;Stra\xdfe;Betrag;Tag\r\n" +
		"007;\"Gr\xfcner \"\"Weg\"\"; 1\r\nHinterhof\";1.234.567,89;31.12.1969\r\n# a remark\r\n" +
		"008;NA;-0,01;29.02.2024\r\n009;;n/a;n/a\r\n"
	const reading = `{"encoding": "windows-1252", "skip_lines": 1, "comment": "#", "delimiter": ";", "decimal_separator": ",",
		"thousands_separator": ".", "date_format": "%d.%m.%Y", "null_values": ["n/a"], "types": {"Nr.": "VARCHAR", "Betrag": "DECIMAL(18,2)"}}`
	m.send(h, reading, "sales.csv", []byte(file))
	m.wantRows(`SELECT "Nr.", "Straße", CAST("Betrag" AS VARCHAR), CAST("Tag" AS VARCHAR), typeof("Tag") FROM sales ORDER BY 1`, [][]string{
		{"007", "Grüner \"Weg\"; 1\r\nHinterhof", "1234567.89", "1969-12-31", "DATE"},
		{"008", "NA", "-0.01", "2024-02-29", "DATE"},
		{"009", "<nil>", "<nil>", "<nil>", "DATE"},
	})
	m.wantFile(h, []byte(file))
}

func (m *team) readFilesFromElsewhere() {
	for i, file := range m.Elsewhere {
		name := fmt.Sprintf("elsewhere_%d", i)
		h := m.create(name, "local")
		m.send(h, "", file.Name, file.Content)
		m.wantRows(strings.ReplaceAll(file.SQL, "elsewhere", name), file.Rows)
		m.wantFile(h, file.Content)
	}
}

// refuseInfinity downloads a date that only some formats have.
func (m *team) refuseInfinity() {
	h := m.create("endless", "local")
	m.send(h, "", "a.parquet", m.parquet(`[{"id": 1, "until": 2147483647}]`, endless))
	if got := string(m.download(h, "csv")); !strings.Contains(got, "infinity") {
		m.t.Errorf("an infinite date as csv: %q", got)
	}
	for _, format := range []string{"avro", "orc"} {
		refused := call[struct{ Detail string }](m.client, http.MethodGet, h.path+"/download?format="+format, nil, http.StatusUnprocessableEntity)
		if !strings.Contains(refused.Detail, "infinite date or timestamp, which "+format+" cannot carry") {
			m.t.Errorf("an infinite date as %s: %q", format, refused.Detail)
		}
	}
}
