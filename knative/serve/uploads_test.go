package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/platformtest"
)

// TestUploads_Killed_LoseNoAcknowledgedByte kills the process of a resumable upload at every step
// of its communication with the database, and continues the upload in another process.
func TestUploads_Killed_LoseNoAcknowledgedByte(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, find(t, "datasets-create", "datasets-uploads", "datasets-download", "datasets-get")...)
	token := p.Login("owner").Token
	created := p.Do(token, http.MethodPost, "/v1/datasets", map[string]any{"name": "killed", "description": "", "storage_type": "local"}).Want(t, http.StatusCreated)
	dataset := platformtest.Decode[struct{ ID uuid.UUID }](t, created).ID
	const content = "a,b\n1,2\n3,4\n"
	send := func(method, path, body string, headers ...string) platformtest.Answer {
		return p.Do(token, method, path, body, append([]string{"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream"}, headers...)...)
	}
	versions := 0
	for killAt := 1; ; killAt++ {
		path := send(http.MethodPost, "/v1/uploads", content[:4], "Upload-Length", strconv.Itoa(len(content)),
			"Upload-Metadata", "filename YS5jc3Y=,dataset_id "+base64.StdEncoding.EncodeToString([]byte(dataset.String()))).Want(t, http.StatusCreated).Header.Get("Location")
		process := start(t, p, "datasets-uploads", killAt)
		acknowledged := 4
		for _, end := range []int{8, len(content)} {
			request, _ := http.NewRequest(http.MethodPatch, process.url+path, strings.NewReader(content[acknowledged:end]))
			for name, value := range map[string]string{"Authorization": "Bearer " + token, "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": strconv.Itoa(acknowledged)} {
				request.Header.Set(name, value)
			}
			answer, err := process.send(request)
			if err != nil {
				t.Fatal(err)
			}
			if answer == nil {
				break
			}
			if answer.Status != http.StatusNoContent {
				select {
				case <-process.Killed(): // it lost the database before it died
				default:
					t.Fatalf("step %d: status %d\n%s", killAt, answer.Status, answer.Body)
				}
				break
			}
			acknowledged = end
		}
		survived := true
		select {
		case <-process.Killed():
			survived = false
			process.Gone(p.DB(database.Datasets))
		default:
			process.kill()
		}
		process.Close()

		head := send(http.MethodHead, path, "").Want(t, http.StatusOK)
		offset, _ := strconv.Atoi(head.Header.Get("Upload-Offset"))
		if offset < acknowledged || (offset == len(content)) != (head.Header.Get("Dataset-Version") != "") {
			t.Fatalf("step %d: offset %d after %d were acknowledged, version %q", killAt, offset, acknowledged, head.Header.Get("Dataset-Version"))
		}
		last := send(http.MethodPatch, path, content[offset:], "Upload-Offset", strconv.Itoa(offset)).Want(t, http.StatusNoContent)
		versions++
		if got := last.Header.Get("Dataset-Version"); got != strconv.Itoa(versions) {
			t.Fatalf("step %d: version %s, want %d", killAt, got, versions)
		}
		file := p.Do(token, http.MethodGet, "/v1/datasets/"+dataset.String()+"/download", nil).Want(t, http.StatusOK)
		if string(file.Body) != content {
			t.Fatalf("step %d: the file is %q", killAt, file.Body)
		}
		if survived {
			if killAt < fewest {
				t.Fatalf("the process survived step %d", killAt)
			}
			break
		}
	}
	// Every object of a version is adopted; others are left to the sweep.
	var lost int
	const selectLost = `SELECT count(*) FROM staged_objects JOIN version_files ON object_name = name`
	if err := p.DB(database.Datasets).QueryRow(context.Background(), selectLost).Scan(&lost); err != nil || lost > 0 {
		t.Errorf("%d objects of versions would be swept (%v)", lost, err)
	}
}
