//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/uuid"
)

const password = "correct horse battery"

// person is somebody with an account and their own organization.
type person struct {
	Email          string `json:"email"`
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	token          string
}

func register(t *testing.T) *person {
	t.Helper()
	p := &person{Email: uuid.NewString() + "@example.com"}
	body := map[string]string{"email": p.Email, "password": password, "first_name": "Ada", "last_name": "Lovelace"}
	p.call(t, http.MethodPost, "/v1/users/register", body, http.StatusCreated, p)
	p.token = p.logIn(t)
	return p
}

func (p *person) logIn(t *testing.T) string {
	t.Helper()
	token, err := p.tryLogIn()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (p *person) tryLogIn() (string, error) {
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	_, err := p.send(http.MethodPost, "/v1/users/login", map[string]string{"email": p.Email, "password": password}, &tokens)
	return tokens.AccessToken, err
}

// call sends JSON through the ingress and checks the status.
func (p *person) call(t *testing.T, method, path string, body any, status int, into any) {
	t.Helper()
	got, err := p.send(method, path, body, into)
	if err != nil || got != status {
		t.Fatalf("%s %s: %d, want %d: %v", method, path, got, status, err)
	}
}

// send is like call but returns failures: any response other than 2xx is an error.
func (p *person) send(method, path string, body, into any) (int, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest(method, gateway+path, bytes.NewReader(encoded))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err
	}
	if response.StatusCode >= 300 {
		return response.StatusCode, fmt.Errorf("%s %s: %s %s", method, path, response.Status, content)
	}
	if into == nil || len(content) == 0 {
		return response.StatusCode, nil
	}
	return response.StatusCode, json.Unmarshal(content, into)
}

// post sends a CloudEvent in binary mode.
func post(url string, event cloudevents.Event) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	request, err := cloudevents.NewHTTPRequestFromEvent(ctx, url, event)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", event.DataContentType())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, err
}
