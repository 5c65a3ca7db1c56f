package walk

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"
)

// client calls the platform as one person.
type client struct {
	t     *testing.T
	url   string
	token string
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *client) send(method, path, contentType string, body io.Reader, headers ...string) answer {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, content}
}

// get returns a resource that must exist.
func get[T any](c *client, path string) T {
	c.t.Helper()
	return decode[T](c, http.MethodGet, path, http.StatusOK, c.send(http.MethodGet, path, "", nil))
}

// call sends JSON and decodes the JSON response, which must have the given status.
func call[T any](c *client, method, path string, body any, status int) T {
	c.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return decode[T](c, method, path, status, c.send(method, path, "application/json", bytes.NewReader(encoded)))
}

// want sends a request without a body and checks the status.
func (c *client) want(method, path string, status int) answer {
	c.t.Helper()
	a := c.send(method, path, "", nil)
	if a.status != status {
		c.t.Fatalf("%s %s: %d, want %d\n%s", method, path, a.status, status, a.body)
	}
	return a
}

func decode[T any](c *client, method, path string, status int, a answer) T {
	c.t.Helper()
	if a.status != status {
		c.t.Fatalf("%s %s: %d, want %d\n%s", method, path, a.status, status, a.body)
	}
	var v T
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", method, path, err, a.body)
	}
	return v
}

// upload sends a file as a browser's form does.
func (c *client) upload(path, name string, content []byte) answer {
	c.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		c.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		c.t.Fatal(err)
	}
	return c.send(http.MethodPost, path, w.FormDataContentType(), &form)
}

// timeout is the time limit for a platform that no longer responds.
const timeout = 3 * time.Minute

// until polls a resource until it satisfies a condition.
func until[T any](c *client, what string, read func() T, as func(T) bool) T {
	c.t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		v := read()
		if as(v) {
			return v
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("waited %v for %s; last: %+v", timeout, what, v)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
