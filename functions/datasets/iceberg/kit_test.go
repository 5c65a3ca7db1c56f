package iceberg_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kitNamespaces are the namespaces in which the compatibility kit creates its tables. Catalogues of the platform have fixed
// namespaces, so the test's proxy serves datasets by these names.
var kitNamespaces = regexp.MustCompile(`/namespaces/(newdb|ns)(/|$)`)

// requested returns the namespace of the kit that a request names.
func requested(r *http.Request) string {
	if match := kitNamespaces.FindStringSubmatch(r.URL.Path); match != nil {
		return match[1]
	}
	return r.URL.Query().Get("parent")
}

// TestKit_OfApache_PassesWhatIsSupported runs Apache's compatibility kit for REST catalogues, which Maven downloads. It needs Java
// and some minutes: set ICEBERG_KIT=1.
func TestKit_OfApache_PassesWhatIsSupported(t *testing.T) {
	if os.Getenv("ICEBERG_KIT") == "" {
		t.Skip("APACHE'S COMPATIBILITY KIT IS NOT RUN: it needs Maven, Java and minutes; ICEBERG_KIT=1 runs it")
	}
	c := writable(t)
	list := filepath.Join(t.TempDir(), "classpath")
	if out, err := exec.CommandContext(t.Context(), "mvn", "-q", "-f", "testdata/kit/pom.xml", "dependency:build-classpath", "-Dmdep.outputFile="+list).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	classpath, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	reports := t.TempDir()
	command := exec.CommandContext(t.Context(), "java", "-cp", string(classpath), "-Drck.local=false", "-Drck.requires-namespace-create=false",
		"-Drck.supports-serverside-retry=false", "-Drck.overrides-requested-location=false", "-Drck.supports-names-with-dot=false",
		"org.junit.platform.console.ConsoleLauncher", "execute", "--select-class", "org.apache.iceberg.rest.RESTCompatibilityKitCatalogTests",
		"--reports-dir", reports, "--details", "none")
	command.Env = append(os.Environ(), "CATALOG_URI="+kitProxy(t, c)+"/iceberg", "CATALOG_TOKEN="+c.Token, "CATALOG_WAREHOUSE="+c.OrganizationID.String(),
		"CATALOG_IO__IMPL=org.apache.iceberg.aws.s3.S3FileIO", "CATALOG_S3_ENDPOINT="+c.URL, "CATALOG_CLIENT_REGION=us-east-1")
	out, err := command.CombinedOutput() // failed tests are an error
	report, missing := os.ReadFile(filepath.Join(reports, "TEST-junit-jupiter.xml"))
	if missing != nil {
		t.Fatalf("%v: %v\n%s", missing, err, out)
	}
	passed, failed := kitResults(t, report)
	t.Logf("%d of %d tests pass", len(passed), len(passed)+len(failed))
	for _, f := range failed {
		t.Log(f)
	}
	want, err := os.ReadFile("testdata/kit/passes.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(want)), passed); diff != "" {
		t.Errorf("passed tests (-want +got):\n%s", diff)
	}
}

// kitResults returns the names of the tests that passed, and the others with the first lines of their errors.
func kitResults(t *testing.T, report []byte) (passed, failed []string) {
	t.Helper()
	type problem struct {
		Message string `xml:"message,attr"`
	}
	var suite struct {
		Cases []struct {
			Name    string   `xml:"name,attr"`
			Failure *problem `xml:"failure"`
			Error   *problem `xml:"error"`
			Skipped *problem `xml:"skipped"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(report, &suite); err != nil {
		t.Fatal(err)
	}
	for _, one := range suite.Cases {
		name := strings.ReplaceAll(strings.TrimSpace(one.Name), " ", "")
		at := slices.IndexFunc([]*problem{one.Failure, one.Error, one.Skipped}, func(p *problem) bool { return p != nil })
		if at < 0 {
			passed = append(passed, name)
			continue
		}
		p := []*problem{one.Failure, one.Error, one.Skipped}[at]
		message := strings.Join(strings.Fields(p.Message), " ")
		failed = append(failed, []string{"failed", "failed", "skipped"}[at]+" "+name+": "+message)
	}
	slices.Sort(passed)
	slices.Sort(failed)
	return passed, failed
}

// kitProxy serves the namespace datasets by the name that the kit uses. It accepts that the kit drops the namespace when it cleans
// up between two tests.
func kitProxy(t *testing.T, c *catalogue) string {
	t.Helper()
	to, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.Path = kitNamespaces.ReplaceAllString(r.Out.URL.Path, "/namespaces/datasets$2")
			r.Out.Header.Set("Kit-Namespace", requested(r.In))
			r.Out.Header.Del("Accept-Encoding")
			if r.Out.Body != nil {
				content, _ := io.ReadAll(r.Out.Body)
				content = bytes.ReplaceAll(content, []byte(`["`+requested(r.In)+`"]`), []byte(`["datasets"]`))
				r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			}
		},
		ModifyResponse: func(r *http.Response) error {
			content, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			if name := r.Request.Header.Get("Kit-Namespace"); name != "" {
				content = bytes.ReplaceAll(content, []byte(`["datasets"]`), []byte(`["`+name+`"]`))
				content = bytes.ReplaceAll(content, []byte(`: datasets.`), []byte(`: `+name+`.`))
			}
			content = bytes.Replace(content, []byte(`"endpoints":[`), []byte(`"endpoints":["DELETE /v1/{prefix}/namespaces/{namespace}",`), 1)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			r.Header.Set("Content-Length", strconv.Itoa(len(content)))
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete && kitNamespaces.MatchString(r.URL.Path) && !strings.Contains(r.URL.Path, "/tables") {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
