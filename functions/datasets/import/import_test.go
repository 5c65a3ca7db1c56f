package importing_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	importing "function/functions/datasets/import"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/uploads"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{importing.Service, uploads.Service, download.Service}, datasetstest.Lifecycle...)

const content = "a,b\n1,2\n3,4\n"

// importer imports files into one data set.
type importer struct {
	*platformtest.Platform
	t     testing.TB
	token string
	d     dataset.Dataset
	n     int // imports requested
}

// newImporter allows imports from the loopback address 127.0.0.1, and no other.
func newImporter(t testing.TB) *importer {
	p := platformtest.NewWith(t, func(c *function.Config) {
		c.ImportNetworks, c.MaxUploadBytes = function.Networks{netip.MustParsePrefix("127.0.0.1/32")}, 1<<20
	}, walk...)
	caller := p.Login("owner")
	return &importer{Platform: p, t: t, token: caller.Token, d: datasetstest.Create(t, p, caller.Token, "imported")}
}

func (i *importer) request(body map[string]any) platformtest.Answer {
	return i.Do(i.token, http.MethodPost, "/v1/datasets/"+i.d.ID.String()+"/import", body)
}

// begin requests an import and returns the path of its upload.
func (i *importer) begin(body map[string]any) string {
	i.t.Helper()
	i.n++
	return i.request(body).Want(i.t, http.StatusAccepted).Header.Get("Location")
}

// run requests an import and runs its job.
func (i *importer) run(body map[string]any) uploads.State {
	i.t.Helper()
	path := i.begin(body)
	requested := platformtest.Published[events.ImportRequested](i.Platform, i.n)[i.n-1]
	platformtest.Deliver(i.Platform, "datasets-import", requested).Want(i.t, http.StatusNoContent)
	return i.state(path)
}

func (i *importer) state(path string) uploads.State {
	i.t.Helper()
	return platformtest.Decode[uploads.State](i.t, i.Do(i.token, http.MethodGet, path, nil).Want(i.t, http.StatusOK))
}

func (i *importer) wantVersion(s uploads.State, version int, content string) {
	i.t.Helper()
	if s.Status != "complete" || s.Version == nil || *s.Version != version || s.Offset != int64(len(content)) {
		i.t.Fatalf("state %+v, want version %d of %d bytes", s, version, len(content))
	}
	file := i.Do(i.token, http.MethodGet, fmt.Sprintf("/v1/datasets/%s/download?version=%d", i.d.ID, version), nil).Want(i.t, http.StatusOK)
	if string(file.Body) != content {
		i.t.Fatalf("version %d is %q", version, file.Body)
	}
}

func serve(t testing.TB, handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestImport_File_BecomesAVersion(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	sum := sha256.Sum256([]byte(content))
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/a.csv", http.StatusFound)
		case "/chunked.csv":
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, content)
		default:
			http.ServeContent(w, r, "a.csv", time.Time{}, strings.NewReader(content))
		}
	})
	i.wantVersion(i.run(map[string]any{"url": url + "/a.csv", "message": "new", "sha256": hex.EncodeToString(sum[:])}), 1, content)
	i.wantVersion(i.run(map[string]any{"url": url + "/chunked.csv?signature=secret"}), 2, content)
	i.wantVersion(i.run(map[string]any{"url": url + "/moved", "operation": "upsert", "key": []string{"a"}, "reading": map[string]any{"delimiter": ","}}), 3, content)
	datasetstest.Profile(t, i.Platform, 1)
	if n := datasetstest.Count(t, i.Platform, `SELECT count(*) FROM uploads WHERE target::text LIKE '%secret%'`); n != 0 {
		t.Error("the URL, which may be signed, is stored in plain text")
	}
	if n := datasetstest.Count(t, i.Platform, `SELECT count(*) FROM staged_objects`); n != 0 {
		t.Errorf("%d staged objects", n)
	}
}

// flaky sends a file whose connection breaks after some bytes, the first time.
type flaky struct {
	files  []string // one for each request; the last for all others
	breaks int      // bytes of the first response
	etag   bool
	ranges bool

	mu   sync.Mutex
	seen []string // Range and If-Range of the requests
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.seen)
	f.seen = append(f.seen, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
	file := f.files[min(n, len(f.files)-1)]
	if f.etag {
		w.Header().Set("ETag", strconv.Quote(hex.EncodeToString([]byte(file[:4]))))
	}
	if n == 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(file)))
		_, _ = io.WriteString(w, file[:f.breaks])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if f.ranges {
		http.ServeContent(w, r, "a.csv", time.Time{}, strings.NewReader(file))
		return
	}
	_, _ = io.WriteString(w, file)
}

func TestImport_BrokenConnection_IsResumed(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	etag := strconv.Quote(hex.EncodeToString([]byte(content[:4])))
	version := 0
	for name, test := range map[string]struct {
		flaky        *flaky
		want, second string
	}{
		"by a range":                 {&flaky{files: []string{content}, breaks: 5, etag: true, ranges: true}, content, "bytes=5- " + etag},
		"before the first byte":      {&flaky{files: []string{content}, breaks: 0, etag: true, ranges: true}, content, " "},
		"from the start, no ranges":  {&flaky{files: []string{content}, breaks: 5, etag: true}, content, "bytes=5- " + etag},
		"from the start, no ETag":    {&flaky{files: []string{content}, breaks: 5, ranges: true}, content, " "},
		"from the start, other file": {&flaky{files: []string{content, "x,y\n7,8\n"}, breaks: 5, etag: true, ranges: true}, "x,y\n7,8\n", "bytes=5- " + etag},
	} {
		version++
		state := i.run(map[string]any{"url": serve(t, test.flaky.ServeHTTP) + "/a.csv"})
		i.wantVersion(state, version, test.want)
		if len(test.flaky.seen) < 2 || test.flaky.seen[1] != test.second {
			t.Errorf("%s: the requests had the ranges %q, want the second to be %q", name, test.flaky.seen, test.second)
		}
	}
}

func TestImport_Failures_HaveASentence(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	private := strings.Replace(serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a private address was reached") }), "127.0.0.1", "127.0.0.2", 1)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/empty.csv":
		case "/page":
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>Log in</title>")
		case "/large.csv":
			_, _ = w.Write(bytes.Repeat([]byte("a\n"), 1<<20))
		case "/announced.csv":
			w.Header().Set("Content-Length", "9999999")
			panic(http.ErrAbortHandler)
		case "/private":
			http.Redirect(w, r, private, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/endless.csv":
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+content)
				connection.Close()
			}
		case "/a.csv":
			_, _ = io.WriteString(w, content)
		default:
			http.NotFound(w, r)
		}
	})
	failures := 0
	for name, test := range map[string]struct {
		url      string
		more     map[string]any
		sentence string
	}{
		"not found":             {url + "/none", nil, "404 Not Found"},
		"empty":                 {url + "/empty.csv", nil, "empty"},
		"a login page":          {url + "/page", nil, "HTML page"},
		"too large":             {url + "/large.csv", nil, "larger than the limit"},
		"a private address":     {private, nil, "not public"},
		"the metadata service":  {"http://169.254.169.254/latest/meta-data/", nil, "not public"},
		"a redirect to private": {url + "/private", nil, "not public"},
		"endless redirects":     {url + "/loop", nil, "more than 5 times"},
		"an unknown end":        {url + "/endless.csv", nil, "where the file ends"},
		"another hash":          {url + "/a.csv", map[string]any{"sha256": strings.Repeat("0", 64)}, "SHA-256"},
	} {
		body := map[string]any{"url": test.url}
		for name, value := range test.more {
			body[name] = value
		}
		path := i.begin(body)
		platformtest.Deliver(i.Platform, "datasets-import", platformtest.Published[events.ImportRequested](i.Platform, i.n)[i.n-1]).Want(t, http.StatusNoContent)
		failures++
		platformtest.Deliver(i.Platform, "datasets-import", platformtest.Published[events.JobFailed](i.Platform, failures)[failures-1]).Want(t, http.StatusNoContent)
		if state := i.state(path); state.Status != "failed" || state.Failure == nil || !strings.Contains(*state.Failure, test.sentence) {
			t.Errorf("%s: state %+v, failure %v, want %q", name, state, state.Failure, test.sentence)
			if state.Failure != nil {
				t.Log(*state.Failure)
			}
		}
	}
	datasetstest.WantNothingStored(t, i.Platform)
}

func TestImport_ServerIsDownForAMoment_IsRetried(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	requests := 0
	state := i.run(map[string]any{"url": serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, content)
	})})
	i.wantVersion(state, 1, content)
}

func TestImport_DeletedWhileItRuns_MakesNoVersion(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	reached, proceed := make(chan struct{}), make(chan struct{})
	path := i.begin(map[string]any{"url": serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		<-proceed
		_, _ = io.WriteString(w, content)
	})})
	done := make(chan struct{})
	go func() {
		defer close(done)
		platformtest.Deliver(i.Platform, "datasets-import", platformtest.Published[events.ImportRequested](i.Platform, 1)[0])
	}()
	<-reached
	i.Do(i.token, http.MethodDelete, path, nil, "Tus-Resumable", "1.0.0").Want(t, http.StatusNoContent)
	close(proceed)
	<-done
	datasetstest.WantNothingStored(t, i.Platform)
	if n := datasetstest.Count(t, i.Platform, `SELECT count(*) FROM jobs WHERE kind = 'datasets-import' AND state <> 'completed'`); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

func TestImport_InvalidRequest_IsRefused(t *testing.T) {
	t.Parallel()
	i := newImporter(t)
	for name, test := range map[string]struct {
		body   map[string]any
		status int
	}{
		"no URL":            {map[string]any{}, 422},
		"a file":            {map[string]any{"url": "file:///etc/passwd"}, 422},
		"credentials":       {map[string]any{"url": "https://user:secret@example.com/a.csv"}, 422},
		"no host":           {map[string]any{"url": "https:///a.csv"}, 422},
		"unknown operation": {map[string]any{"url": "https://example.com", "operation": "merge"}, 422},
		"key missing":       {map[string]any{"url": "https://example.com", "operation": "upsert"}, 422},
		"unknown branch":    {map[string]any{"url": "https://example.com", "branch": "other"}, 404},
		"wrong reading":     {map[string]any{"url": "https://example.com", "reading": map[string]any{"encoding": "klingon"}}, 422},
		"wrong hash":        {map[string]any{"url": "https://example.com", "sha256": "12"}, 422},
	} {
		t.Run(name, func(t *testing.T) { i.request(test.body).Want(t, test.status) })
	}
	i.d.ID = uuid.New()
	i.request(map[string]any{"url": "https://example.com"}).Want(t, http.StatusNotFound)
	if n := datasetstest.Count(t, i.Platform, `SELECT count(*) FROM uploads`); n != 0 {
		t.Errorf("%d uploads", n)
	}
}
