package objects_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/objects"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var mount = append([]function.Declaration{objects.Service}, datasetstest.Lifecycle...)

// create returns the path of the objects of a new data set.
func create(t *testing.T, p *platformtest.Platform, token, name string) string {
	t.Helper()
	answer := p.Do(token, http.MethodPost, "/v1/datasets", map[string]any{"name": name, "kind": "objects"})
	d := platformtest.Decode[dataset.Dataset](t, answer.Want(t, http.StatusCreated))
	if d.Kind != dataset.Objects || d.Status != dataset.Ready {
		t.Errorf("a data set of objects is %+v", d)
	}
	return "/v1/datasets/" + d.ID.String() + "/objects"
}

func put(t *testing.T, p *platformtest.Platform, token, path, content string, status int, headers ...string) objects.Object {
	t.Helper()
	answer := p.Do(token, http.MethodPut, path, content, append([]string{"Content-Type", "text/plain"}, headers...)...).Want(t, status)
	o := platformtest.Decode[objects.Object](t, answer)
	if o.ETag == "" || answer.Header.Get("ETag") != o.ETag {
		t.Errorf("ETag %q in the header and %q in the body", answer.Header.Get("ETag"), o.ETag)
	}
	return o
}

func wantContent(t *testing.T, p *platformtest.Platform, token, path, content string) platformtest.Answer {
	t.Helper()
	answer := p.Do(token, http.MethodGet, path, nil).Want(t, http.StatusOK)
	if string(answer.Body) != content {
		t.Errorf("%d bytes come back of %s, want %d", len(answer.Body), path, len(content))
	}
	return answer
}

func picture(t *testing.T, width, height int) string {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestObject_Stored_ComesBackAsItWas(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	content := picture(t, 30, 20)
	const name = "photos/2026/Käse & 100%.png"
	at := path + "/" + url.PathEscape(name)
	made := p.Do(token, http.MethodPut, at+"?metadata="+url.QueryEscape(`{"author":"Ada ü","empty":""}`), content, "Content-Type", "image/png").Want(t, http.StatusCreated)
	if made.Header.Get("Location") != at {
		t.Errorf("Location %q, want %q", made.Header.Get("Location"), at)
	}
	o := platformtest.Decode[objects.Object](t, made)
	if o.Name != name || o.ContentType != "image/png" || o.DetectedType != "image/png" || o.SizeBytes != int64(len(content)) || len(o.SHA256) != 64 || o.Width == nil || *o.Width != 30 || *o.Height != 20 {
		t.Errorf("stored %+v", o)
	}
	if diff := cmp.Diff(map[string]string{"author": "Ada ü", "empty": ""}, o.Metadata); diff != "" {
		t.Error(diff)
	}
	got := wantContent(t, p, token, at, content)
	if h := got.Header; h.Get("Content-Type") != "image/png" || h.Get("ETag") != o.ETag || !strings.HasPrefix(h.Get("Content-Disposition"), "inline; filename*=utf-8''K%C3%A4se") {
		t.Errorf("headers %v", h)
	}
	head := p.Do(token, http.MethodHead, at, nil).Want(t, http.StatusOK)
	if len(head.Body) != 0 || head.Header.Get("Content-Length") != fmt.Sprint(len(content)) || head.Header.Get("ETag") != o.ETag {
		t.Errorf("HEAD: %v", head.Header)
	}
	part := p.Do(token, http.MethodGet, at, nil, "Range", "bytes=1-3", "If-Range", o.ETag).Want(t, http.StatusPartialContent)
	if string(part.Body) != "PNG" {
		t.Errorf("range %q", part.Body)
	}
	p.Do(token, http.MethodGet, at, nil, "Range", "bytes=100000-").Want(t, http.StatusRequestedRangeNotSatisfiable)
	p.Do(token, http.MethodGet, at, nil, "If-None-Match", o.ETag).Want(t, http.StatusNotModified)
	known := platformtest.Decode[objects.Object](t, p.Do(token, http.MethodGet, at+"/metadata", nil).Want(t, http.StatusOK))
	if diff := cmp.Diff(o, known); diff != "" {
		t.Errorf("what is known (-put +get):\n%s", diff)
	}
}

func TestObject_SizesAndTypes_AreKept(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	for name, content := range map[string]string{"empty": "", "one": "x", "large": strings.Repeat("0123456789abcdef", 200_000)} {
		put(t, p, token, path+"/"+name, content, http.StatusCreated)
		wantContent(t, p, token, path+"/"+name, content)
	}
	for name, test := range map[string]struct{ declared, content, want, detected string }{
		"a": {"Text/HTML; Charset=utf-8", "<script>alert(1)</script>", "text/html; charset=utf-8", "text/html; charset=utf-8"},
		"b": {"", "%PDF-1.7\n", "application/pdf", "application/pdf"},
		"c": {"image/png", "<html>", "image/png", "text/html; charset=utf-8"},
		"d": {"image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "image/svg+xml", "text/plain; charset=utf-8"},
		"e": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"},
		"f": {"image/png", "\x89PNG\r\n\x1a\nbroken", "image/png", "image/png"},
	} {
		o := put(t, p, token, path+"/"+name, test.content, http.StatusCreated, "Content-Type", test.declared)
		if o.ContentType != test.want || o.DetectedType != test.detected || o.Width != nil {
			t.Errorf("%s: %+v", name, o)
		}
		h := wantContent(t, p, token, path+"/"+name, test.content).Header
		if h.Get("Content-Type") != test.want || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Errorf("%s: headers %v", name, h)
		}
		if attached := strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename="); attached == (name == "f") {
			t.Errorf("%s: %s", name, h.Get("Content-Disposition"))
		}
	}
}

func TestObject_InvalidRequest_IsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.MaxUploadBytes = 1000 }, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	for name, status := range map[string]int{
		// The router refuses paths that are not clean, also when they are decoded.
		"a%2F..%2Fb": http.StatusNotFound, "%2Fa": http.StatusNotFound, "a%2F%2Fb": http.StatusNotFound, "a%2F.%2Fb": http.StatusNotFound, "%2e%2e%2Fa": http.StatusNotFound,
		"a%2F": http.StatusUnprocessableEntity, "a%00": http.StatusUnprocessableEntity, "a%0Ab": http.StatusUnprocessableEntity, "a%7Fb": http.StatusUnprocessableEntity,
		"a%C2%85b": http.StatusUnprocessableEntity, "a%5Cb": http.StatusUnprocessableEntity, "%FF": http.StatusUnprocessableEntity,
		"%E2%80%AEgnp.exe": http.StatusUnprocessableEntity, "%E2%80%A8": http.StatusUnprocessableEntity, strings.Repeat("a", 513): http.StatusUnprocessableEntity,
	} {
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
			if a := p.Do(token, method, path+"/"+name, nil); a.Status != status {
				t.Errorf("%s %s answers %d, want %d: %s", method, name, a.Status, status, a.Body)
			}
		}
	}
	for _, metadata := range []string{
		`[]`, `{`, `{}x`, `{"a":1}`, `{"a":null}`, `{"a":{}}`, `{"a":"1","a":"2"}`, `{"":"1"}`, `{"a":"\u0000"}`, `{"a":"\ud800"}`, `{"a\n":"x"}`, "{\"a\":\"\xff\"}", `{"a":"` + strings.Repeat("x", 8192) + `"}`, `null`, `{"a":"b"} {}`,
	} {
		p.Do(token, http.MethodPut, path+"/a?metadata="+url.QueryEscape(metadata), "x").Want(t, http.StatusUnprocessableEntity)
	}
	for _, contentType := range []string{"png", "image/", "*/*", "image/*", "text/plain; charset", "a b/c", "text/" + strings.Repeat("x", 300)} {
		p.Do(token, http.MethodPut, path+"/a", "x", "Content-Type", contentType).Want(t, http.StatusUnprocessableEntity)
	}
	p.Do(token, http.MethodPut, path+"/a", "x", "Content-Encoding", "gzip").Want(t, http.StatusUnsupportedMediaType)
	p.Do(token, http.MethodPut, path+"/a", strings.Repeat("x", 1001)).Want(t, http.StatusRequestEntityTooLarge)
	p.Do(token, http.MethodPut, path+"/a", io.MultiReader(strings.NewReader(strings.Repeat("x", 1001)))).Want(t, http.StatusRequestEntityTooLarge)
	p.Do(token, http.MethodPut, path+"/a", "x", "If-Match", "*").Want(t, http.StatusPreconditionFailed)
	p.Do(token, http.MethodGet, path+"/a", nil).Want(t, http.StatusNotFound)
	datasetstest.WantNothingStored(t, p)
	put(t, p, token, path+"/"+strings.Repeat("a", 512), strings.Repeat("x", 1000), http.StatusCreated)
	for _, query := range []string{"prefix=%00", "prefix=%FF", "cursor=%21", "cursor=_w", "limit=0", "limit=201", "other=1"} {
		p.Do(token, http.MethodGet, path+"?"+query, nil).Want(t, http.StatusUnprocessableEntity)
	}
}

func TestObject_ClientDisconnects_LeavesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(connection, "PUT %s/a HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Length: 1000000000\r\n\r\n%s", path, token, strings.Repeat("x", 1<<20))
	staged := func() int { return datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`) }
	datasetstest.WaitFor(t, "the object to begin", func() bool { return staged() == 1 })
	connection.Close()
	datasetstest.WaitFor(t, "the object to be cleared away", func() bool { return staged() == 0 })
	datasetstest.WantNothingStored(t, p)
	p.Do(token, http.MethodGet, path+"/a", nil).Want(t, http.StatusNotFound)
}

func TestObject_Conditions_PreventLostUpdates(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d") + "/a"
	first := put(t, p, token, path, "1", http.StatusCreated, "If-None-Match", "*")
	p.Do(token, http.MethodPut, path, "2", "If-None-Match", "*").Want(t, http.StatusPreconditionFailed)
	if again := put(t, p, token, path, "1", http.StatusOK); again.ETag != first.ETag {
		t.Error("the same content again changes the object")
	}
	second := put(t, p, token, path, "2", http.StatusOK, "If-Match", first.ETag)
	if !second.CreatedAt.Equal(first.CreatedAt) || second.ETag == first.ETag {
		t.Errorf("replaced %+v by %+v", first, second)
	}
	p.Do(token, http.MethodPut, path, "3", "If-Match", first.ETag).Want(t, http.StatusPreconditionFailed)
	p.Do(token, http.MethodDelete, path, nil, "If-Match", first.ETag).Want(t, http.StatusPreconditionFailed)
	p.Do(token, http.MethodPut, path+"/metadata", `{"metadata":{"a":"b"}}`, "If-Match", first.ETag).Want(t, http.StatusPreconditionFailed)
	p.Do(token, http.MethodPut, path+"/metadata", `{"metadata":{"":"b"}}`).Want(t, http.StatusUnprocessableEntity)
	third := platformtest.Decode[objects.Object](t, p.Do(token, http.MethodPut, path+"/metadata", `{"metadata":{"a":"b"}}`, "If-Match", second.ETag).Want(t, http.StatusOK))
	if third.Metadata["a"] != "b" || third.ETag == second.ETag || third.SHA256 != second.SHA256 {
		t.Errorf("changed %+v to %+v", second, third)
	}
	wantContent(t, p, token, path, "2")
	p.Do(token, http.MethodDelete, path, nil, "If-Match", third.ETag).Want(t, http.StatusNoContent)
	for _, o := range operations[1:] {
		p.Do(token, o.method, path+strings.TrimPrefix(o.path, "/a"), o.body).Want(t, http.StatusNotFound)
	}

	var wait sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wait.Go(func() { statuses[i] = p.Do(token, http.MethodPut, path, fmt.Sprint(i), "If-None-Match", "*").Status })
	}
	wait.Wait()
	won := 0
	for i, status := range statuses {
		if status == http.StatusCreated {
			won++
			wantContent(t, p, token, path, fmt.Sprint(i))
		} else if status != http.StatusPreconditionFailed {
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d writers have made the object", won)
	}
}

func TestObjects_Listed_HaveEveryNameOnceInOrder(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	for _, name := range []string{"b", "a/2", "a/10", "a", "a/😀", "a/\U0010FFFF", "a%", "ab"} {
		put(t, p, token, path+"/"+url.PathEscape(name), name, http.StatusCreated)
	}
	for query, want := range map[string]string{
		"":            `a a% a/10 a/2 a/😀 a/` + "\U0010FFFF" + ` ab b`,
		"prefix=a%2F": `a/10 a/2 a/😀 a/` + "\U0010FFFF",
		"prefix=a%25": `a%`,
		"prefix=c":    ``,
	} {
		for _, limit := range []int{1, 3, 200} {
			var got []string
			for cursor := ""; ; {
				var page struct {
					Items      []objects.Object `json:"items"`
					NextCursor string           `json:"next_cursor"`
				}
				answer := p.Do(token, http.MethodGet, fmt.Sprintf("%s?limit=%d&cursor=%s&%s", path, limit, cursor, query), nil).Want(t, http.StatusOK)
				if err := json.Unmarshal(answer.Body, &page); err != nil || page.Items == nil {
					t.Fatalf("%v: %s", err, answer.Body)
				}
				for _, o := range page.Items {
					got = append(got, o.Name)
				}
				if cursor = page.NextCursor; cursor == "" {
					break
				}
			}
			if all := strings.Join(got, " "); all != want {
				t.Errorf("%s by %d: %s, want %s", query, limit, all, want)
			}
		}
	}
}

// A request whose refusal does not depend on its body is answered before the body arrives, and its
// connection is closed.
func TestPut_RefusedByItsHeader_BodyIsNotRead(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("member").Token
	path := create(t, p, token, "d")
	stored := put(t, p, token, path+"/a", "content", http.StatusCreated)
	for name, header := range map[string]string{
		"exists":         "If-None-Match: *",
		"other ETag":     `If-Match: "00000000-0000-4000-8000-000000000000"`,
		"length unknown": "If-None-Match: *\r\nTransfer-Encoding: chunked",
	} {
		if !strings.Contains(header, "Transfer-Encoding") {
			header += "\r\nContent-Length: 10000000000"
		}
		if got := platformtest.Unsent(t, p, token, "PUT "+path+"/a", header); got.StatusCode != http.StatusPreconditionFailed || !got.Close {
			t.Errorf("%s: %d, closes %t", name, got.StatusCode, got.Close)
		}
	}
	if got := platformtest.Unsent(t, p, token, "PUT "+path+"/b", "If-Match: "+stored.ETag+"\r\nContent-Length: 10000000000"); got.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("an object that does not exist: %d", got.StatusCode)
	}
	wantContent(t, p, token, path+"/a", "content")
	datasetstest.WantRefusals(t, p, "datasets:put_object", 4)
}
