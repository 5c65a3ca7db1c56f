package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sealaudit "function/functions/platform/seal-audit"
	exportaudit "function/functions/users/export-audit"
	listaudit "function/functions/users/list-audit"
	"function/functions/users/logout"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// From an action and its sealing through the export over HTTP to the verdict.
func TestVerify_Export_NeedsOnlyThePublicKeys(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t,
		logout.Service, exportaudit.Service,
		listaudit.Service,
		sealaudit.Service)
	owner := p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	p.Do(member.Token, http.MethodPost, "/v1/users/logout", nil).Want(t, http.StatusNoContent)
	p.Wake("platform-seal-audit").Want(t, http.StatusNoContent)
	export := string(p.Do(owner.Token, http.MethodGet, "/v1/audit/export", nil).Want(t, http.StatusOK).Body)
	keys := p.URL + "/v1/audit/keys"
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile := file("keys.json", string(p.Do("", http.MethodGet, "/v1/audit/keys", nil).Want(t, http.StatusOK).Body))
	type list struct {
		Items []struct{ Statement string }
	}
	kept := platformtest.Decode[list](t, p.Do(owner.Token, http.MethodGet, "/v1/audit/checkpoints", nil).Want(t, http.StatusOK)).Items[0].Statement
	for name, test := range map[string]struct {
		keys, kept, export string
		code               int
		says               string
	}{
		"good":               {keys, "", export, 0, "entries 1 to 1 are as they were sealed; 1 checkpoints"},
		"good, kept":         {keyFile, file("kept", kept+"\n"), export, 0, "trail users"},
		"changed":            {keys, "", strings.Replace(export, "sessions:end", "sessions:begin", 1), 1, "entry 1: it was changed"},
		"gone, kept":         {keys, file("kept", kept), "", 1, "the export ends with entry 0"},
		"empty":              {keys, "", "", 2, "empty"},
		"keys not there":     {filepath.Join(dir, "none"), "", export, 2, "read keys"},
		"keys not found":     {p.URL + "/none", "", export, 2, "404"},
		"keys of no set":     {file("odd", "odd"), "", export, 2, "not a JSON Web Key Set"},
		"kept not there":     {keys, filepath.Join(dir, "none"), export, 2, "read checkpoints"},
		"keys of others":     {file("others.json", `{"keys":[]}`), "", export, 1, "does not belong to the platform"},
		"an error, no lines": {keys, "", `{"title":"Forbidden"}`, 1, "not a line of an export"},
	} {
		var out bytes.Buffer
		if code := run(test.keys, test.kept, strings.NewReader(test.export), &out, &out); code != test.code || !strings.Contains(strings.ToLower(out.String()), strings.ToLower(test.says)) {
			t.Errorf("%s: ends with %d, want %d, and says %q, want %q in it", name, code, test.code, out.String(), test.says)
		}
	}
}
