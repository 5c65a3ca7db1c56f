//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	once  = 500 << 20
	twice = 2 * once
	// bound is in MiB: half of the smaller file. The garbage collector lets the heap grow to its
	// limit (runtime.TuneMemory: 192 MiB) before it works harder.
	bound = 250
)

// testUpload sends a file, and one of twice its size. With either, no process on the way may need
// more memory than the bound.
func testUpload(t *testing.T) {
	owner := register(t)
	onTheWay := []string{
		"3scale-kourier-gateway", "activator",
		"platform-gateway", "queue-proxy of platform-gateway",
		"datasets-upload", "queue-proxy of datasets-upload",
	}
	memory := func() map[string]int {
		running, peaks := processes(), map[string]int{}
		for _, name := range onTheWay {
			peaks[name] = peak(running[name])
		}
		return peaks
	}
	began := time.Now()
	owner.upload(t, once)
	took := time.Since(began)
	before := memory()
	owner.upload(t, twice)
	after := memory()
	figure("upload of 500 MiB", "%v, %.0f MiB/s", took.Round(time.Second/10), once/took.Seconds()/(1<<20))
	for _, name := range onTheWay {
		figure("peak memory after 500 and 1,000 MiB, "+name, "%d MiB, %d MiB", before[name], after[name])
		if after[name] == 0 || after[name] > bound {
			t.Errorf("%s had %d MiB after 500 MiB, and %d MiB after 1,000 MiB", name, before[name], after[name])
		}
	}
}

// upload creates a data set from a CSV file that it generates while sending.
func (p *person) upload(t *testing.T, size int) {
	t.Helper()
	var dataset struct{ ID string }
	named := map[string]string{"name": "readings-" + uuid.NewString(), "description": "", "storage_type": "local"}
	p.call(t, http.MethodPost, "/v1/datasets", named, http.StatusCreated, &dataset)
	body, pipe := io.Pipe()
	form := multipart.NewWriter(pipe)
	go func() { pipe.CloseWithError(writeReadings(form, size)) }()
	request, err := http.NewRequest(http.MethodPost, gateway+"/v1/datasets/"+dataset.ID+"/upload", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	var version struct {
		SizeBytes int `json:"size_bytes"`
	}
	if err := json.Unmarshal(content, &version); err != nil || response.StatusCode != http.StatusCreated || version.SizeBytes < size {
		t.Fatalf("upload of %d bytes: %s %s", size, response.Status, content)
	}
}

func writeReadings(form *multipart.Writer, size int) error {
	part, err := form.CreateFormFile("file", "readings.csv")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(part, 1<<20)
	written, err := fmt.Fprintln(w, "id,sensor,value")
	for i := 0; err == nil && written < size; i++ {
		var n int
		n, err = fmt.Fprintf(w, "%d,sensor-%d,%d.%06d\n", i, i*7919%1000, i%97, i*104729%1_000_000)
		written += n
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = form.Close()
	}
	return err
}
