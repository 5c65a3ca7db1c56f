package functions_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"function/functions"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// prelude makes each curl print its status, and asks the test for steps that need time or a
// device.
const prelude = `
curl() { command curl -w '%{stderr}%{http_code}\n' "$@"; }
sleep() { command curl -sf "$HOOK/sleep/$1"; }
oathtool() { command curl -sf "$HOOK/code/$3"; }
`

var (
	indented = regexp.MustCompile(`(?m)^    (.*)\n`)
	fenced   = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	called   = regexp.MustCompile(`(^|[( ])(curl|sql) `) // sql is a function of the data guide that calls curl
	refused  = regexp.MustCompile(`# (4\d\d)$`)
)

// shellOf returns the shell commands in a document.
func shellOf(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	var shell strings.Builder
	for _, block := range fenced.FindAllStringSubmatch(string(content), -1) {
		shell.WriteString(block[1])
	}
	if shell.Len() > 0 {
		return shell.String()
	}
	_, walk, _ := strings.Cut(string(content), "    H='Content-Type")
	walk, _, _ = strings.Cut("    H='Content-Type"+walk, "\n\n")
	for _, line := range indented.FindAllStringSubmatch(walk+"\n", -1) {
		shell.WriteString(line[1] + "\n")
	}
	return shell.String()
}

// follow runs the commands of a document and compares the statuses: success, or the status in a
// comment at the end of the line.
func follow(t *testing.T, p *platformtest.Platform, shell, hook string, environment ...string) (output string) {
	t.Helper()
	var want []string
	for line := range strings.Lines(shell) {
		if called.MatchString(line) && !strings.Contains(line, "() {") {
			status := "2xx"
			if f := refused.FindStringSubmatch(strings.TrimSpace(line)); f != nil {
				status = f[1]
			}
			want = append(want, status)
		}
	}
	if len(want) == 0 {
		t.Fatal("no curl in the document")
	}
	command := exec.CommandContext(t.Context(), "sh", "-c", prelude+strings.ReplaceAll(shell, "http://localhost:8080", p.URL))
	command.Dir = ".."
	command.Env = append(os.Environ(), append(environment, "HOOK="+hook)...)
	var out, statuses bytes.Buffer
	command.Stdout, command.Stderr = &out, &statuses
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, statuses.String(), out.String())
	}
	var got []string
	for lines := bufio.NewScanner(&statuses); lines.Scan(); {
		status := lines.Text()
		if strings.HasPrefix(status, "2") {
			status = "2xx"
		}
		got = append(got, status)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses of the curls (-want +got):\n%s\n%s", diff, out.String())
	}
	return out.String()
}

// whole returns a platform with all operations and the event functions that make uploads ready and run reports,
// configured by change.
func whole(t *testing.T, change func(*function.Config)) *platformtest.Platform {
	t.Helper()
	var all []function.Declaration
	for _, d := range functions.Catalog {
		if len(d.Operations) > 0 || slices.Contains([]string{"datasets-profile", "analytics-run-report", "datasets-record-report"}, d.Name) {
			all = append(all, d)
		}
	}
	return platformtest.NewWith(t, change, all...)
}

func hooks(t *testing.T, handlers map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range handlers {
		mux.HandleFunc(pattern, handler)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestREADME_Commands_WorkAsPrinted(t *testing.T) {
	t.Parallel()
	p := whole(t, func(*function.Config) {})
	hook := hooks(t, map[string]http.HandlerFunc{
		"/sleep/2": func(http.ResponseWriter, *http.Request) { // the broker delivers in the meantime
			platformtest.Deliver(p, "datasets-profile", platformtest.Published[events.ProfileRequested](p, 1)[0])
		},
	})
	if out := follow(t, p, shellOf(t, "README.md"), hook); !strings.Contains(out, `"rain"`) {
		t.Errorf("the query's answer lacks the rain:\n%s", out)
	}
}

func TestDataGuide_Commands_WorkAsPrinted(t *testing.T) {
	t.Parallel()
	p := whole(t, func(*function.Config) {})
	delivered := 0
	hook := hooks(t, map[string]http.HandlerFunc{
		"/sleep/2": func(_ http.ResponseWriter, r *http.Request) {
			for unfinished := true; unfinished; {
				delivered++
				platformtest.Deliver(p, "datasets-profile", platformtest.Published[events.ProfileRequested](p, delivered)[delivered-1])
				if err := p.DB(database.Datasets).QueryRow(r.Context(), `SELECT EXISTS (SELECT FROM jobs WHERE finished_at IS NULL)`).Scan(&unfinished); err != nil {
					t.Error(err)
				}
			}
		},
	})
	out := follow(t, p, shellOf(t, "docs/guide-data.md"), hook)
	for _, want := range []string{
		`[1,"2025-12-31","1234.50"],[2,"2026-01-02",null]`,                                                     // 1: as read
		`[2,"2026-01-02","99.90"],[3,"2026-01-03","10.00"]`,                                                    // 2: after the changes
		`"removed":1,"changed":1`,                                                                              // 3: the difference
		`[1,"1234.50","1234.50"],[2,"99.90",null],[3,"10.00",null]`,                                            // 3: restored
		`[1,"2025-12-31","1234.56"],[2,"2026-01-02","99.90"],[3,"2026-01-03","10.00"],[4,"2026-01-04","5.00"]`, // 4: merged
		`{"id":2,"day":"2026-01-02","amount":"99.90"}`,                                                         // 6: converted
		`"document":{"status":"open","total":12.50}}]`,                                                         // 7: found
		`"checked":2,"failing":1`,                                                                              // 7: the schema
		`"width":3,"height":2,"metadata":{"author":"Grace"}`,                                                   // 8: the picture
		`"rows":[[4]]`, // 9: brought back
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the answers lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestGovernanceGuide_Commands_WorkAsPrinted(t *testing.T) {
	t.Parallel()
	p := whole(t, func(*function.Config) {})
	delivered := 0
	hook := hooks(t, map[string]http.HandlerFunc{
		"/sleep/2": func(http.ResponseWriter, *http.Request) {
			delivered++
			platformtest.Deliver(p, "datasets-profile", platformtest.Published[events.ProfileRequested](p, delivered)[delivered-1])
		},
		"/sleep/3": func(http.ResponseWriter, *http.Request) {
			platformtest.Deliver(p, "analytics-run-report", platformtest.Published[events.ReportRunRequested](p, 1)[0])
			platformtest.Deliver(p, "datasets-record-report", platformtest.Published[events.ReportRan](p, 1)[0])
		},
	})
	out := follow(t, p, shellOf(t, "docs/guide-governance.md"), hook)
	for _, want := range []string{
		`"score":1`, // 1: the good version
		`"quantiles":{"p5":`,
		`[6,-7,"positive"],[6,-7,"unique_id"],[6,9,"unique_id"]`, // 2: failing rows
		`"rows":[[5]]`,                    // 2: the version before
		`"column":"email","kind":"email"`, // 3: found
		`"name":"orders"`,                 // 4: shared
		`"rows":[[3,32,0]]`,               // 4: as the policies allow
		`"rows":[["EU",165]]`,             // 5: derived as every member may read
		`"from_column":"amount"`,          // 5: lineage
		`"from_column":"price"`,           // 5: the column of another system
		`"kind":"report"`,                 // 5: the chart
		`"synonyms":["turnover"]`,         // 6: the glossary
		`["datasets"],"name":"revenue"`,   // 7: the Iceberg table
		`"eventType":"COMPLETE"`,          // 5: OpenLineage
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the answers lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestUsersGuide_Commands_WorkAsPrinted(t *testing.T) {
	t.Parallel()
	issuer := platformtest.NewOIDCIssuer(t)
	p := whole(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{issuer.Config()}, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	})
	codes := 0
	hook := hooks(t, map[string]http.HandlerFunc{
		"/sleep/901": func(_ http.ResponseWriter, r *http.Request) {
			if _, err := p.DB(database.Users).Exec(r.Context(), `UPDATE sessions SET authenticated_at = authenticated_at - interval '901 seconds', second_factor_at = second_factor_at - interval '901 seconds'`); err != nil {
				t.Error(err)
			}
		},
		"/code/{secret}": func(w http.ResponseWriter, r *http.Request) {
			// Each code is valid once. Codes of the previous, current and next time step are
			// accepted.
			if left := 30 - time.Now().Unix()%30; left < 3 {
				time.Sleep(time.Duration(left) * time.Second)
			}
			code, err := totp.GenerateCode(r.PathValue("secret"), time.Now().Add(time.Duration(codes-1)*30*time.Second))
			if err != nil {
				t.Error(err)
			}
			codes++
			_, _ = w.Write([]byte(code))
		},
	})
	follow(t, p, shellOf(t, "docs/guide-users.md"), hook, "OTHER="+issuer.Token("grace", nil))
}
