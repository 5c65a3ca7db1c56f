package walk

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-cmp/cmp"
)

//go:embed clients.py
var clients []byte

// useOtherTools reads the orders by S3 and as an Iceberg table, and writes files that become versions, with temporary credentials.
func (g *governed) useOtherTools() {
	imports := g.create("imports", "local")
	program := filepath.Join(g.t.TempDir(), "clients.py")
	if err := os.WriteFile(program, clients, 0o600); err != nil {
		g.t.Fatal(err)
	}
	credentials := decode[json.RawMessage](g.client, http.MethodPost, "/v1/datasets/s3/credentials", http.StatusCreated,
		g.walk.send(http.MethodPost, "/v1/datasets/s3/credentials", "application/json", bytes.NewReader([]byte(`{}`))))
	command := exec.CommandContext(g.t.Context(), g.Python, program, g.client.url, g.token, "orders", string(credentials), "id", "region", "email", "amount")
	command.Env = append(os.Environ(), "TZ=UTC", "AWS_EC2_METADATA_DISABLED=true")
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		g.t.Fatalf("%v\n%s\n%s", err, output, problems.Bytes())
	}
	type answer struct {
		Tool string
		Rows [][]any
	}
	var want []answer
	rows := [][]any{
		{1., "EU", "ada@example.org", 120.5}, {2., "US", "bob@example.org", 80.}, {3., "EU", "cleo@example.org", 40.},
		{4., "US", "dan@example.org", 10.}, {5., "EU", "eve@example.org", 5.}, {6., "EU", "finn@example.org", 1000.},
	}
	for _, tool := range []string{"AWS SDK", "pandas", "pyiceberg", "DuckDB", "DuckDB with Iceberg", "Spark with Iceberg", "Spark"} {
		want = append(want, answer{tool, rows})
	}
	var got []answer
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var a answer
		if err := decoder.Decode(&a); err != nil {
			g.t.Fatalf("%v\n%s", err, output)
		}
		got = append(got, a)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		g.t.Fatalf("rows of the orders (-want +got):\n%s", diff)
	}
	imports.await(2)
	g.wantRows("SELECT tool, list(id ORDER BY id)::VARCHAR FROM imports GROUP BY tool ORDER BY tool", [][]string{{"Dask", "[5, 6, 7]"}, {"Spark", "[1, 2, 3, 4]"}})
}
