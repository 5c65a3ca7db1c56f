//go:build e2e

// Package e2e tests the deployed platform on a real cluster. `make e2e` runs it inside the
// cluster's namespaces.
package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
)

func TestMain(m *testing.M) {
	routePublicNames()
	code := m.Run()
	printFigures()
	os.Exit(code)
}

// TestPlatform is in the order in which a reader wants to know, each part on its own.
func TestPlatform(t *testing.T) {
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"services", testServices},
		{"walk", testWalk},
		{"cold", testColdStarts},
		{"events", testEvents},
		{"upload", testUpload},
		{"burst", testBurst},
		{"faults", testFaults},
	} {
		t.Run(part.name, part.run)
	}
}

var figures struct {
	sync.Mutex
	rows [][2]string
}

// figure adds a line to the table printed at the end of the run.
func figure(what, format string, arguments ...any) {
	figures.Lock()
	defer figures.Unlock()
	figures.rows = append(figures.rows, [2]string{what, fmt.Sprintf(format, arguments...)})
}

func printFigures() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nfigures")
	for _, row := range figures.rows {
		fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	w.Flush()
}
