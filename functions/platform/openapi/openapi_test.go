package openapi_test

import (
	"bytes"
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"function/functions/platform/openapi"
	"function/knative"
	"function/shared/function"
	"function/shared/runtime"
)

var declaration = openapi.Service

// get calls the function, which needs no database.
func get(t *testing.T, path, known string) *httptest.ResponseRecorder {
	t.Helper()
	host := runtime.NewHost(context.Background())
	if err := host.Mount(declaration, function.NewEnv(function.Config{})); err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("If-None-Match", known)
	answer := httptest.NewRecorder()
	host.Handler().ServeHTTP(answer, request)
	return answer
}

func TestDescription_IsTheGeneratedFile(t *testing.T) {
	t.Parallel()
	answer := get(t, "/openapi.yaml", "")
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/yaml" {
		t.Fatalf("status %d, type %s", answer.Code, answer.Header().Get("Content-Type"))
	}
	if !bytes.Equal(answer.Body.Bytes(), knative.OpenAPI) {
		t.Error("the description is not the generated file")
	}
}

func TestDocuments_Unchanged_NotModified(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/openapi.yaml", "/docs"} {
		etag := get(t, path, "").Header().Get("ETag")
		if etag == "" {
			t.Fatalf("%s has no ETag", path)
		}
		for known, want := range map[string]int{
			etag: http.StatusNotModified, `"other", W/` + etag: http.StatusNotModified, "*": http.StatusNotModified,
			`"other"`: http.StatusOK, strings.Trim(etag, `"`): http.StatusOK,
		} {
			answer := get(t, path, known)
			if answer.Code != want || (answer.Body.Len() == 0) != (want == http.StatusNotModified) || answer.Header().Get("ETag") != etag {
				t.Errorf("GET %s, If-None-Match %s: %d with %d bytes, want %d", path, known, answer.Code, answer.Body.Len(), want)
			}
		}
	}
}

func TestDocs_ShowEveryOperation(t *testing.T) {
	t.Parallel()
	page := get(t, "/docs", "").Body.String()
	operations := regexp.MustCompile(`(?m)^ +operationId: (\S+)$`).FindAllSubmatch(knative.OpenAPI, -1)
	if len(operations) < 10 {
		t.Fatalf("%d operations in the description", len(operations))
	}
	for _, o := range operations {
		if strings.Count(page, `<article id="`+string(o[1])+`">`) != 1 {
			t.Errorf("the page does not show %s once", o[1])
		}
	}
	for _, want := range []string{"/v1/users/register", `<code>keep_days</code>`, `curl &#34;$URL/v1/users/register&#34;`, "8 to 256 characters"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestDocs_LoadAndRunNothing(t *testing.T) {
	t.Parallel()
	answer := get(t, "/docs", "")
	policy := answer.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q, want nothing but one style sheet", policy)
	}
	page := answer.Body.String()
	for _, forbidden := range []string{"<script", "javascript:", " src=", "<link", "@import", "url(", " style=", " onclick="} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	targets := map[string]bool{"/openapi.yaml": true}
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		targets["#"+id[1]] = true
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !targets[link[1]] {
			t.Errorf("the page links to %s, which is not on it", link[1])
		}
	}
}

func TestDocs_Examples_AreValidBodies(t *testing.T) {
	t.Parallel()
	page := html.UnescapeString(get(t, "/docs", "").Body.String())
	for id, want := range map[string]string{
		"users-step-up":                      `{"code":"123456"}`,
		"users-verify-second-factor":         `"code":"123456"`,
		"users-grant-role":                   `"user_id":"0198`,
		"users-update-profile":               `{"display_name":"AdaL."}`,
		"users-change-organization-settings": `Content-Type:application/merge-patch+json`,
	} {
		_, article, _ := strings.Cut(page, `<article id="`+id+`">`)
		article, _, _ = strings.Cut(article, "</article>")
		if !strings.Contains(strings.Join(strings.Fields(article), ""), want) {
			t.Errorf("the example of %s lacks %s", id, want)
		}
	}
}
