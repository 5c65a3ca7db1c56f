// Command verify-audit checks an export of an audit trail, independently of the platform:
//
//	go run ./scripts/verify-audit -keys https://…/v1/audit/keys < export.jsonl
//
// It finds and locates entries that were changed, removed, added or reordered since they were
// sealed. It needs the platform's public keys, from the platform or, better, from a copy kept
// elsewhere. A checkpoint kept elsewhere (-checkpoint) also reveals a trail whose end was removed.
// The exit code is 0 if nothing was found, 1 if something was found, and 2 if the export could not
// be checked.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"function/shared/audit"
)

func main() {
	flags := flag.NewFlagSet("verify-audit", flag.ExitOnError)
	keys := flags.String("keys", "http://localhost:8080/v1/audit/keys", "`URL or file` of the platform's public keys, a JSON Web Key Set")
	kept := flags.String("checkpoint", "", "`file` of checkpoints that were kept elsewhere, a JWS in each line")
	_ = flags.Parse(os.Args[1:]) // flag.ExitOnError: ends the process on an error
	os.Exit(run(*keys, *kept, os.Stdin, os.Stdout, os.Stderr))
}

func run(keysAt, keptIn string, export io.Reader, out, problems io.Writer) int {
	report, err := verify(keysAt, keptIn, export)
	if err != nil {
		fmt.Fprintln(problems, "verify-audit:", err)
		return 2
	}
	for _, finding := range report.Findings {
		fmt.Fprintln(out, finding)
	}
	switch {
	case len(report.Findings) > 0:
		fmt.Fprintf(out, "The export differs from what was sealed: %d findings.\n", len(report.Findings))
		return 1
	case report.Checkpoints == 0:
		fmt.Fprintln(problems, "verify-audit: the export is empty, so there is nothing to check")
		return 2
	}
	fmt.Fprintf(out, "Trail %s of organization %s: entries %d to %d are as they were sealed; %d checkpoints, the newest of %s.\n",
		report.Trail, report.OrganizationID, report.First, report.Last, report.Checkpoints, report.SignedAt.Format(time.RFC3339))
	return 0
}

func verify(keysAt, keptIn string, export io.Reader) (audit.Report, error) {
	set, err := read(keysAt)
	if err != nil {
		return audit.Report{}, fmt.Errorf("read keys: %w", err)
	}
	keys, err := audit.ParseKeys(set)
	if err != nil {
		return audit.Report{}, err
	}
	var kept []string
	if keptIn != "" {
		checkpoints, err := os.ReadFile(keptIn)
		if err != nil {
			return audit.Report{}, fmt.Errorf("read checkpoints: %w", err)
		}
		kept = strings.Fields(string(checkpoints))
	}
	return audit.Verify(export, keys, kept...)
}

// timeout is the time limit for fetching the keys.
const timeout = 10 * time.Second

// maxKeys is the maximum size of a key set in bytes.
const maxKeys = 1 << 20

func read(at string) ([]byte, error) {
	if !strings.HasPrefix(at, "http://") && !strings.HasPrefix(at, "https://") {
		return os.ReadFile(at)
	}
	response, err := (&http.Client{Timeout: timeout}).Get(at)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", at, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxKeys))
}
