package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// client calls the API as one person, over one kept connection.
type client struct {
	url      string
	email    string
	password string
	token    string
	http     http.Client
}

// register creates an account with its own organization and logs in.
func register(ctx context.Context, url string) (*client, error) {
	c := &client{url: url, email: "bench@example.com", password: "correct horse battery"}
	c.http = http.Client{Timeout: timeout, Transport: &http.Transport{WriteBufferSize: 256 << 10, DisableCompression: true, MaxIdleConnsPerHost: clients}}
	person := map[string]string{"email": c.email, "password": c.password, "first_name": "Ada", "last_name": "Lovelace"}
	if err := c.call(ctx, http.MethodPost, "/v1/users/register", person, nil); err != nil {
		return nil, err
	}
	return c, c.login(ctx)
}

func (c *client) login(ctx context.Context) error {
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/users/login", c.credentials(), &tokens)
	c.token = tokens.AccessToken
	return err
}

func (c *client) credentials() map[string]string {
	return map[string]string{"email": c.email, "password": c.password}
}

// call sends a JSON body, if any, and decodes the response into answer, if not nil.
func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return c.send(request, answer)
}

func (c *client) send(request *http.Request, answer any) error {
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", request.Method, request.URL.Path, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s %s", request.Method, request.URL.Path, response.Status, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}

// dataset holds the fields of a data set that the benchmark needs.
type dataset struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Failure  string `json:"failure"`
	RowCount int64  `json:"row_count"`
}

func (c *client) create(ctx context.Context, name, storage string) (d dataset, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/datasets", map[string]string{"name": name, "storage_type": storage}, &d)
	return d, err
}

// download reads the file of a data set, which has the given length, and discards it.
func (c *client) download(ctx context.Context, id string, length int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/v1/datasets/"+id+"/download", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || n < length) {
		err = fmt.Errorf("download: %s, %d bytes of %d", response.Status, n, length)
	}
	return err
}

// upload streams a file as multipart/form-data. The query says how its rows are used.
func (c *client) upload(ctx context.Context, id, query, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	if _, err := parts.CreateFormFile("file", filepath.Base(path)); err != nil {
		return err
	}
	head := bytes.Clone(form.Bytes())
	form.Reset()
	if err := parts.Close(); err != nil {
		return err
	}
	body := io.MultiReader(bytes.NewReader(head), file, &form)
	length := int64(len(head)) + info.Size() + int64(form.Len())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/datasets/"+id+"/upload?"+query, body)
	if err != nil {
		return err
	}
	request.ContentLength = length
	request.Header.Set("Content-Type", parts.FormDataContentType())
	return c.send(request, nil)
}

// ready waits until an uploaded data set can be queried.
func (c *client) ready(ctx context.Context, id string) (d dataset, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		if err := c.call(ctx, http.MethodGet, "/v1/datasets/"+id, nil, &d); err != nil {
			return d, err
		}
		switch d.Status {
		case "ready":
			return d, nil
		case "failed":
			return d, fmt.Errorf("the data set failed: %s", d.Failure)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return d, fmt.Errorf("wait until %s is ready: %w", id, ctx.Err())
		}
	}
}

// tusPart is how much of a file one request of a resumable upload sends.
const tusPart = 64 << 20

// resumable sends a file in several requests (tus 1.0).
func (c *client) resumable(ctx context.Context, id, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	location, err := c.tus(ctx, http.MethodPost, c.url+"/v1/uploads", nil, map[string]string{
		"Upload-Length":   strconv.FormatInt(info.Size(), 10),
		"Upload-Metadata": "dataset_id " + encoded(id) + ",filename " + encoded(filepath.Base(path)),
	})
	for offset := int64(0); err == nil && offset < info.Size(); offset += tusPart {
		part := io.NewSectionReader(file, offset, min(tusPart, info.Size()-offset))
		_, err = c.tus(ctx, http.MethodPatch, location, part, map[string]string{
			"Upload-Offset": strconv.FormatInt(offset, 10), "Content-Type": "application/offset+octet-stream",
		})
	}
	return err
}

func (c *client) tus(ctx context.Context, method, url string, body *io.SectionReader, headers map[string]string) (location string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	if body != nil {
		request.Body, request.ContentLength = io.NopCloser(body), body.Size()
	}
	request.Header.Set("Tus-Resumable", "1.0.0")
	request.Header.Set("Authorization", "Bearer "+c.token)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", method, request.URL.Path, response.Status, content)
	}
	if err != nil {
		return "", err
	}
	place, err := request.URL.Parse(response.Header.Get("Location"))
	return fmt.Sprint(place), err
}
