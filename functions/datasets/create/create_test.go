package create_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/create"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declaration = create.Service

const path = "/v1/datasets"

func TestCreate_Valid_ReturnsADraft(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")

	answer := p.Do(caller.Token, http.MethodPost, path,
		`{"name": "customer_data", "description": "Customer information", "schema": {"columns": [{"name": "Code", "type": "varchar"}, {"name": "total", "type": "decimal(18, 2)"}]}, "storage_type": "local"}`)
	d := platformtest.Decode[dataset.Dataset](t, answer.Want(t, http.StatusCreated))

	want := dataset.Dataset{
		ID: d.ID, Kind: dataset.Table, Name: "customer_data", Description: "Customer information", StorageType: "local", Status: dataset.Draft, CreatedAt: d.CreatedAt, ChangedAt: d.CreatedAt,
		Schema: &dataset.Schema{Columns: []dataset.Column{{Name: "Code", Type: "VARCHAR"}, {Name: "total", Type: "DECIMAL(18,2)"}}},
	}
	if diff := cmp.Diff(want, d); diff != "" || d.ID == uuid.Nil || d.CreatedAt.IsZero() {
		t.Errorf("data set (-want +got):\n%s", diff)
	}
	event := platformtest.Published[events.DatasetCreated](p, 1)[0].Data
	wantEvent := events.Dataset{DatasetID: d.ID, OrganizationID: caller.OrganizationID, Kind: dataset.Table, Name: d.Name, StorageType: "local", Status: dataset.Draft, CreatedAt: d.CreatedAt, ChangedAt: d.ChangedAt}
	if diff := cmp.Diff(wantEvent, event.Dataset); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestCreate_NameTaken_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller, other := p.Login("owner"), p.Login("owner")
	p.Do(caller.Token, http.MethodPost, path, `{"name": "Sales"}`).Want(t, http.StatusCreated)
	p.Do(caller.Token, http.MethodPost, path, `{"name": "sALES"}`).Want(t, http.StatusConflict)
	datasetstest.WantRefusals(t, p, "datasets:create", 1)
	p.Do(other.Token, http.MethodPost, path, `{"name": "Sales"}`).Want(t, http.StatusCreated)
}

func TestCreate_StorageNotConfigured_NamesTheSetting(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("owner")
	for storage, setting := range map[string]string{"s3": "STORAGE_S3_URL", "gcs": "STORAGE_GCS_URL", "azure": "STORAGE_AZURE_URL"} {
		answer := p.Do(caller.Token, http.MethodPost, path, `{"name": "a", "storage_type": "`+storage+`"}`).Want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(answer.Body), setting) {
			t.Errorf("%s: %s does not name %s", storage, answer.Body, setting)
		}
	}
}

func TestCreate_StorageConfigured_IsAccepted(t *testing.T) {
	t.Parallel()
	bucket := "file://" + t.TempDir()
	p := platformtest.NewWith(t, func(c *function.Config) { c.StorageS3URL, c.StorageGCSURL, c.StorageAzureURL = bucket, bucket, bucket }, declaration)
	caller := p.Login("owner")
	for _, storage := range []string{"s3", "gcs", "azure"} {
		answer := p.Do(caller.Token, http.MethodPost, path, `{"name": "on_`+storage+`", "storage_type": "`+storage+`"}`).Want(t, http.StatusCreated)
		if d := platformtest.Decode[dataset.Dataset](t, answer); d.StorageType != storage {
			t.Errorf("storage type %s, want %s", d.StorageType, storage)
		}
	}
}

func TestCreate_BadInput_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("owner")
	schema := func(columns string) string { return `{"name": "a", "schema": {"columns": ` + columns + `}}` }
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"not JSON":             {`{"name": "a`, 400},
		"array":                {`[]`, 422},
		"no name":              {`{"description": "a"}`, 422},
		"empty name":           {`{"name": ""}`, 422},
		"name with a quote":    {`{"name": "a\"b"}`, 422},
		"name with a newline":  {`{"name": "a\n"}`, 422},
		"name with a digit":    {`{"name": "1a"}`, 422},
		"long name":            {`{"name": "` + strings.Repeat("a", 64) + `"}`, 422},
		"unknown kind":         {`{"name": "a", "kind": "graph"}`, 422},
		"columns of documents": {`{"name": "a", "kind": "documents", "schema": {"columns": [{"name": "a", "type": "DATE"}]}}`, 422},
		"wrong type":           {`{"name": 1}`, 422},
		"unknown field":        {`{"name": "a", "owner": "me"}`, 422},
		"NUL":                  {`{"name": "a", "description": "\u0000"}`, 422},
		"storage not there":    {`{"name": "a", "storage_type": "s3"}`, 422},
		"storage unknown":      {`{"name": "a", "storage_type": "tape"}`, 422},
		"schema without":       {`{"name": "a", "schema": {}}`, 422},
		"no columns":           {schema(`[]`), 422},
		"null columns":         {schema(`null`), 422},
		"column without type":  {schema(`[{"name": "a"}]`), 422},
		"column with NUL":      {schema(`[{"name": "\u0000", "type": "DATE"}]`), 422},
		"column twice":         {schema(`[{"name": "a", "type": "DATE"}, {"name": "A", "type": "DATE"}]`), 422},
		"unknown type":         {schema(`[{"name": "a", "type": "BLOB"}]`), 422},
		"type with SQL":        {schema(`[{"name": "a", "type": "INT); DROP TABLE"}]`), 422},
		"too wide":             {schema(`[{"name": "a", "type": "DECIMAL(39,0)"}]`), 422},
		"scale over precision": {schema(`[{"name": "a", "type": "DECIMAL(9,10)"}]`), 422},
		"oversized":            {`{"name": "a", "description": "` + strings.Repeat("a", 2<<20) + `"}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			p.Do(caller.Token, http.MethodPost, path, test.body).Want(t, test.status)
		})
	}
	p.Do("", http.MethodPost, path, `{"name": "a"}`).Want(t, http.StatusUnauthorized)
	p.Do(p.LoginTo(uuid.Nil, "member").Token, http.MethodPost, path, `{"name": "a"}`).Want(t, http.StatusForbidden)
}
