package iceberg_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/shared/access"
	"function/shared/fault"
	"function/shared/platformtest"
)

func TestNamespaces_Existing_AreListedAndDescribed(t *testing.T) {
	t.Parallel()
	c := open(t)
	for path, want := range map[string]string{
		"/namespaces":                 `{"namespaces":[["datasets"],["shared"]]}`,
		"/namespaces?parent=datasets": `{"namespaces":[]}`,
		"/namespaces/shared":          `{"namespace":["shared"],"properties":{}}`,
		"/namespaces/shared/tables":   `{"identifiers":[]}`,
	} {
		if got := strings.TrimSpace(string(c.call(http.MethodGet, path, nil).Want(t, http.StatusOK).Body)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	c.call(http.MethodHead, "/namespaces/datasets", nil).Want(t, http.StatusNoContent)
	if answer := c.call(http.MethodHead, "/namespaces/other", nil); answer.Status != http.StatusNotFound {
		t.Errorf("other: %d", answer.Status)
	}
	for _, path := range []string{"/namespaces?parent=other", "/namespaces/other", "/namespaces/datasets%1Fa", "/namespaces/other/tables"} {
		refusal(t, c.call(http.MethodGet, path, nil), http.StatusNotFound, "NoSuchNamespaceException")
	}
	refusal(t, c.call(http.MethodGet, "/namespaces/other/tables/t", nil), http.StatusNotFound, "NoSuchTableException")
}

func TestConfig_Warehouse_IsTheOrganization(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, query := range []string{"", "?warehouse=", "?warehouse=" + c.OrganizationID.String()} {
		answer := c.call(http.MethodGet, "/config"+query, nil).Want(t, http.StatusOK)
		if !strings.Contains(string(answer.Body), `"GET /v1/{prefix}/namespaces/{namespace}/tables/{table}"`) || strings.Contains(string(answer.Body), "rename") {
			t.Errorf("%s: %s", query, answer.Body)
		}
	}
	refusal(t, c.call(http.MethodGet, "/config?warehouse=other", nil), http.StatusBadRequest, "BadRequestException")
}

func TestTables_Pages_ListEachTableOnce(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, name := range []string{"c", "B", "a", "d"} {
		c.dataset(t, name, "a\n1\n")
	}
	c.dataset(t, "draft")
	type page struct {
		Identifiers []struct{ Name string }
		Next        string `json:"next-page-token"`
	}
	var pages [][]string
	for token := ""; ; {
		got := platformtest.Decode[page](t, c.call(http.MethodGet, "/namespaces/datasets/tables?pageSize=3&pageToken="+url.QueryEscape(token), nil).Want(t, http.StatusOK))
		var names []string
		for _, i := range got.Identifiers {
			names = append(names, i.Name)
		}
		pages = append(pages, names)
		if token = got.Next; token == "" {
			break
		}
	}
	if diff := cmp.Diff([][]string{{"B", "a", "c"}, {"d"}}, pages); diff != "" {
		t.Error(diff)
	}
	refusal(t, c.call(http.MethodGet, "/namespaces/datasets/tables/draft", nil), http.StatusNotFound, "NoSuchTableException")
}

// TestTable_OfOthers_IsReadWhenItIsShared shares a table with another organization.
func TestTable_OfOthers_IsReadWhenItIsShared(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n")
	theirs := as(c.Platform, c.Login("owner"))
	if theirs.OrganizationID == c.OrganizationID {
		t.Fatal("both callers have the same organization")
	}
	for _, path := range []string{"/namespaces/datasets/tables/sales", "/namespaces/shared/tables/sales", "/namespaces/shared/tables/sales/credentials"} {
		refusal(t, theirs.call(http.MethodGet, path, nil), http.StatusNotFound, "NoSuchTableException")
	}
	key := id.String() + "/data/part-1.parquet"
	if _, _, _, _, err := c.tables(t).Open(t.Context(), access.Of(theirs.Caller.Caller), key); !isKind(err, fault.NotFound) {
		t.Errorf("open: %v", err)
	}

	share := map[string]any{"grantee_kind": "organization", "grantee_id": theirs.OrganizationID, "purpose": "a test", "expires_at": time.Now().Add(time.Hour)}
	c.Do(c.Token, http.MethodPost, "/v1/datasets/"+id.String()+"/shares", share).Want(t, http.StatusOK)

	theirs.call(http.MethodGet, "/namespaces/shared/tables/sales", nil).Want(t, http.StatusOK)
	if listed := theirs.call(http.MethodGet, "/namespaces/shared/tables", nil).Want(t, http.StatusOK); !strings.Contains(string(listed.Body), `"sales"`) {
		t.Errorf("tables %s", listed.Body)
	}
	refusal(t, theirs.call(http.MethodGet, "/namespaces/datasets/tables/sales", nil), http.StatusNotFound, "NoSuchTableException")
	content, _, _, _, err := c.tables(t).Open(t.Context(), access.Of(theirs.Caller.Caller), key)
	if err != nil {
		t.Fatal(err)
	}
	content.Close()
}

func TestTable_LimitedByPolicy_IsRefusedToThoseWhomItLimits(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n")
	rules := map[string]any{"filter": "a > 1", "exempt": map[string]any{"roles": []string{"owner"}}}
	c.Do(c.Token, http.MethodPut, "/v1/datasets/"+id.String()+"/policies/p", rules).Want(t, http.StatusOK)
	viewer := as(c.Platform, c.LoginTo(c.OrganizationID, "viewer"))

	c.load(t, "sales")
	for _, path := range []string{"", "/credentials"} {
		refusal(t, viewer.call(http.MethodGet, "/namespaces/datasets/tables/sales"+path, nil), http.StatusForbidden, "ForbiddenException")
	}
	for _, name := range []string{"metadata/snap-1.avro", "metadata/manifest-1.avro", "data/part-1.parquet"} {
		if _, _, _, _, err := c.tables(t).Open(t.Context(), access.Of(viewer.Caller.Caller), id.String()+"/"+name); !isKind(err, fault.Forbidden) {
			t.Errorf("open %s: %v", name, err)
		}
	}
}

func TestTable_Restricted_IsUnknownToOthers(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n")
	c.Do(c.Token, http.MethodPut, "/v1/datasets/"+id.String()+"/visibility", map[string]any{"restricted": true}).Want(t, http.StatusOK)
	viewer := as(c.Platform, c.LoginTo(c.OrganizationID, "viewer"))

	refusal(t, viewer.call(http.MethodGet, "/namespaces/datasets/tables/sales", nil), http.StatusNotFound, "NoSuchTableException")
	if listed := viewer.call(http.MethodGet, "/namespaces/datasets/tables", nil).Want(t, http.StatusOK); strings.Contains(string(listed.Body), "sales") {
		t.Errorf("tables %s", listed.Body)
	}
}

func TestToken_ClientSecret_IsAnAPIKey(t *testing.T) {
	t.Parallel()
	c := open(t)
	key := c.ServiceAccount(c.OrganizationID, "datasets:read").Token
	form := func(values string) platformtest.Answer {
		return c.Do("", http.MethodPost, "/iceberg/v1/oauth/tokens", values, "Content-Type", "application/x-www-form-urlencoded")
	}
	got := platformtest.Decode[struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
	}](t, form("grant_type=client_credentials&scope=catalog&client_id=me&client_secret="+key).Want(t, http.StatusOK))
	if got.Token != key || got.Type != "bearer" {
		t.Errorf("token %+v", got)
	}
	for values, want := range map[string]struct {
		status int
		code   string
	}{
		"grant_type=client_credentials&client_secret=wrong": {http.StatusUnauthorized, "invalid_client"},
		"grant_type=client_credentials":                     {http.StatusUnauthorized, "invalid_client"},
		"grant_type=password":                               {http.StatusBadRequest, "invalid_request"},
		"%zz":                                               {http.StatusBadRequest, "invalid_request"},
	} {
		if got := platformtest.Decode[struct{ Error string }](t, form(values).Want(t, want.status)); got.Error != want.code {
			t.Errorf("%s: %s, want %s", values, got.Error, want.code)
		}
	}
	refusal(t, c.Do("wrong", http.MethodGet, "/iceberg/v1/config", nil), http.StatusUnauthorized, "NotAuthorizedException")
	refusal(t, c.Do("", http.MethodGet, "/iceberg/v1/config", nil), http.StatusUnauthorized, "NotAuthorizedException")
}

func TestWrite_OfOtherThings_IsRefused(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.dataset(t, "sales", "a\n1\n")
	for _, write := range []string{
		"POST /namespaces", "DELETE /namespaces/datasets", "POST /namespaces/datasets/properties", "POST /namespaces/datasets/register", "POST /tables/rename", "POST /transactions/commit", "POST /namespaces/datasets/views",
	} {
		method, path, _ := strings.Cut(write, " ")
		for _, body := range []any{nil, map[string]any{"namespace": []string{"x"}}, "not JSON"} {
			refusal(t, c.call(method, path, body), http.StatusNotAcceptable, "UnsupportedOperationException")
		}
	}
	c.load(t, "sales")
}

func TestMetrics_Report_IsDropped(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.dataset(t, "sales", "a\n1\n")
	report := map[string]any{"report-type": "scan-report", "table-name": "sales", "snapshot-id": 1, "filter": true, "schema-id": 1, "projected-field-ids": []int{1}, "projected-field-names": []string{"a"}, "metrics": map[string]any{}}
	c.call(http.MethodPost, "/namespaces/datasets/tables/sales/metrics", report).Want(t, http.StatusNoContent)
	refusal(t, c.call(http.MethodPost, "/namespaces/datasets/tables/other/metrics", report), http.StatusNotFound, "NoSuchTableException")
}

func TestOpen_KeyWithoutObject_IsNotFound(t *testing.T) {
	t.Parallel()
	c := open(t)
	id := c.dataset(t, "sales", "a\n1\n").String()
	tables := c.tables(t)
	for _, key := range []string{
		"", "/", id, id + "/", id + "/metadata/snap-2.avro", id + "/metadata/manifest-0.avro", id + "/data/part-2.parquet", id + "/data/part-99999999999.parquet",
		id + "/metadata/snap-1.avro/", "../" + id + "/metadata/snap-1.avro", strings.ToUpper(id) + "/data/part-1.parquet", id + "/metadata/00000000000000000000000000000000.metadata.json",
		"00000000-0000-0000-0000-000000000000/data/part-1.parquet", "------------------------------------/data/part-1.parquet",
	} {
		if _, _, _, _, err := tables.Open(t.Context(), access.Of(c.Caller.Caller), key); !isKind(err, fault.NotFound) {
			t.Errorf("%q: %v, want not found", key, err)
		}
	}
}

func isKind(err error, kind fault.Kind) bool {
	f, ok := fault.As(err)
	return ok && f.Kind == kind
}
