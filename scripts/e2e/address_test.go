//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A caller's address is the one that the ingress saw, whatever the caller put into the header.
func TestForgedAddress_ThroughTheIngress_IsIgnored(t *testing.T) {
	const forged = "203.0.113.77"
	p := register(t)
	body, err := json.Marshal(map[string]string{"email": p.Email, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, gateway+"/v1/users/login", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Forwarded-For", forged)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if content, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("login: %s (%v) %s", response.Status, err, content)
	}
	var sessions struct {
		Items []struct {
			Address string `json:"address"`
		} `json:"items"`
	}
	p.call(t, http.MethodGet, "/v1/users/sessions", nil, http.StatusOK, &sessions)
	for _, s := range sessions.Items {
		if s.Address == forged || !strings.Contains(s.Address, ".") {
			t.Errorf("a session is listed from %q, want the address that the ingress saw", s.Address)
		}
	}
	if len(sessions.Items) != 2 {
		t.Errorf("%d sessions, want 2", len(sessions.Items))
	}
}
