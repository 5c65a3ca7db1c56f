package functions_test

import (
	"bytes"
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
)

var (
	article  = regexp.MustCompile(`(?s)<article id="([^"]+)">(.*?)</article>`)
	example  = regexp.MustCompile(`(?s)<pre><code>(curl .*?)</code></pre>`)
	variable = regexp.MustCompile(`\$([A-Z_]+)`)
)

// personal are the refusals of examples that need what only their reader has: a mailed token, a
// password, a code, a device, a data set.
var personal = map[string]string{
	"datasets-iceberg-token":            "client_credentials",
	"datasets-s3-credentials":           "only an API key has lasting S3 credentials",
	"datasets-override-upload":          "X-HTTP-Method-Override",
	"users-confirm-email-change":        expiredLink,
	"users-confirm-registration":        expiredLink,
	"users-verify-email":                expiredLink,
	"users-reset-password":              expiredLink,
	"users-unlock":                      expiredLink,
	"users-change-email":                "this is not your password",
	"users-change-password":             "this is not your password",
	"users-link-identity":               "the token is not valid",
	"users-step-up":                     "The code is wrong",
	"users-finish-passkey-registration": "is not a PublicKeyCredential", // the example is of a login
	"analytics-query":                   "There is no table",
}

const expiredLink = "this link has expired"

// The examples name resources that do not exist (404), are refused to this caller (401, 403,
// 409, 429), or succeed. A status that says that the request itself is wrong would mislead
// whoever copies the example.
func TestDocs_Examples_AreWellFormedRequests(t *testing.T) {
	t.Parallel()
	p := whole(t, func(*function.Config) {})
	page := p.Do("", http.MethodGet, "/docs", nil).Want(t, http.StatusOK).Body
	articles := article.FindAllSubmatch(page, -1)
	if len(articles) < 100 {
		t.Fatalf("%d operations on the page", len(articles))
	}
	dir := t.TempDir()
	for _, name := range []string{"file.csv", "file"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a,b\n1,2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range articles {
		t.Run(string(a[1]), func(t *testing.T) {
			command := example.FindSubmatch(a[2])
			if command == nil {
				t.Fatal("no example")
			}
			owner := p.Login(policy.Owner) // of each example: some end sessions or delete organizations
			shell := html.UnescapeString(string(command[1]))
			environment := append(os.Environ(), "URL="+p.URL, "TOKEN="+owner.Token)
			for _, v := range variable.FindAllStringSubmatch(shell, -1) {
				if v[1] != "URL" && v[1] != "TOKEN" {
					environment = append(environment, v[1]+"="+argument(v[1], shell, owner))
				}
			}
			run := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(shell, "curl ", `curl -s -o answer -w '%{http_code}' `, 1))
			run.Dir, run.Env = dir, environment
			var problems bytes.Buffer
			run.Stderr = &problems
			status, err := run.Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s", shell, err, problems.String())
			}
			answer, _ := os.ReadFile(filepath.Join(dir, "answer"))
			if sentence := personal[string(a[1])]; sentence != "" && bytes.Contains(answer, []byte(sentence)) {
				return
			}
			if wrong := []string{"400", "405", "413", "415", "422", "500"}; slices.Contains(wrong, string(status)) {
				t.Errorf("%s\nanswers %s: %s", shell, status, answer)
			}
		})
	}
}

// argument is a value for a variable of an example's path.
func argument(name, shell string, owner platformtest.Caller) string {
	switch {
	case name == "ID" && strings.Contains(shell, "/v1/organizations/$ID"):
		return owner.OrganizationID.String()
	case name == "DOMAIN":
		return "example.com"
	case name == "VERSION":
		return "1"
	case name == "ROLE", name == "NAME", name == "PURPOSE":
		return "auditors"
	case name == "RESOURCE":
		return "datasets"
	}
	return "01980000-0000-7000-8000-000000000000"
}
