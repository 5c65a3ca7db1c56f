package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"function/functions/datasets/internal/resumable"
	"function/shared/egress"
	"function/shared/fault"
	"function/shared/job"
)

// idleTimeout is how long a server may send nothing.
const idleTimeout = 30 * time.Second

// get sends one request for the rest of the file and stores what arrives.
func (f *Function) get(ctx context.Context, j *job.Job, u *resumable.Upload, address string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fault.At("body.url", "this is not a URL").Because(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "002AIC-import/1")
	if u.Received > 0 && u.Target.Validator != "" {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", u.Received))
		request.Header.Set("If-Range", u.Target.Validator)
	}
	response, err := f.client.Do(request)
	if refusal := egress.Refusal(err); refusal != nil {
		return refusal
	}
	if wrapped := new(url.Error); errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, which may be signed, for the log
	}
	if err != nil {
		return &broken{"the host of this URL cannot be reached: check the URL, and import it again when the host is up", err}
	}
	defer response.Body.Close()
	length, err := f.accept(ctx, u, response)
	if err != nil {
		return err
	}
	body := &patient{body: response.Body, idle: time.AfterFunc(idleTimeout, cancel), progress: func(n int64) {
		if length != nil {
			j.Progress(n, *length, "fetch")
		}
	}, n: u.Received}
	defer body.idle.Stop()
	err = f.store.Append(ctx, u, resumable.Incoming{Offset: u.Received, Length: length, Body: body})
	switch {
	case resumable.IsInterrupted(err):
		return &broken{"the connection to the server broke again and again before the whole file had arrived: import it again later", err}
	case err != nil || u.Version != nil:
		return err
	case length != nil:
		return &broken{"the server sent only a part of the file: import it again later", nil}
	}
	whole := u.Received // the body has ended properly, and only now its length is known
	if whole == 0 {
		return fault.At("body.url", "the file at this URL is empty")
	}
	return f.store.Append(ctx, u, resumable.Incoming{Offset: whole, Length: &whole, Body: http.NoBody})
}

// accept checks the header of a response and returns the length of the whole file, or nil if it is
// not known. What has arrived before is dropped if the response does not continue it.
func (f *Function) accept(ctx context.Context, u *resumable.Upload, r *http.Response) (length *int64, err error) {
	switch {
	case r.StatusCode == http.StatusPartialContent && u.Received > 0:
		start, total, ok := contentRange(r.Header.Get("Content-Range"))
		if ok && start == u.Received && (u.Length == nil || total == *u.Length) {
			return &total, nil
		}
		if err := f.store.Reset(ctx, u); err != nil {
			return nil, err
		}
		return nil, &broken{"the server does not send the rest of the file correctly: import it again later", nil}
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable && u.Received > 0:
		if err := f.store.Reset(ctx, u); err != nil {
			return nil, err
		}
		return nil, &broken{"the file at this URL changes while it is fetched: import it again later", nil}
	case r.StatusCode >= 500 || slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}, r.StatusCode):
		return nil, &broken{"the server of this URL answers " + answer(r) + ": import it again later", nil}
	case r.StatusCode != http.StatusOK:
		return nil, fault.At("body.url", "the server of this URL answers %s: check the URL", answer(r))
	case r.ContentLength < 0 && r.ProtoMajor < 2 && !slices.Equal(r.TransferEncoding, []string{"chunked"}):
		return nil, fault.At("body.url", "the server of this URL does not tell where the file ends, so a broken connection could not be noticed")
	case r.ContentLength == 0:
		return nil, fault.At("body.url", "the file at this URL is empty")
	case r.ContentLength > f.store.Limit:
		return nil, fault.New(fault.TooLarge, "The file at this URL is larger than the limit of %d bytes", f.store.Limit)
	}
	if u.Received > 0 {
		if err := f.store.Reset(ctx, u); err != nil {
			return nil, err
		}
	}
	describe(&u.Target, r)
	if err := f.store.SetTarget(ctx, u); err != nil {
		return nil, err
	}
	if r.ContentLength > 0 {
		length = &r.ContentLength
	}
	return length, nil
}

func answer(r *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(r.StatusCode) + " " + http.StatusText(r.StatusCode))
}

// describe takes the file's name, media type and validator from a response.
func describe(t *resumable.Target, r *http.Response) {
	t.FileName = path.Base(r.Request.URL.Path)
	if _, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil && parameters["filename"] != "" {
		t.FileName = parameters["filename"]
	}
	t.FileType = r.Header.Get("Content-Type")
	if t.Reading.Encoding != "" || t.Reading.Header != "" {
		t.FileType, _, _ = strings.Cut(t.FileType, ";") // the user knows better than the server
	}
	t.FileName, t.FileType = storable(t.FileName), storable(t.FileType)
	if t.Validator = r.Header.Get("ETag"); t.Validator == "" || strings.HasPrefix(t.Validator, "W/") {
		t.Validator = r.Header.Get("Last-Modified") // a weak ETag does not tell that bytes are the same
	}
	t.Validator = storable(t.Validator)
}

// storable returns text of limited length that jsonb can hold.
func storable(text string) string {
	if len(text) > 1000 {
		return ""
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// contentRange parses Content-Range: bytes 10-19/20.
func contentRange(text string) (start, total int64, ok bool) {
	var end int64
	n, err := fmt.Sscanf(text, "bytes %d-%d/%d", &start, &end, &total)
	return start, total, err == nil && n == 3 && 0 <= start && start <= end && end < total
}

// patient reads a body and cancels the request if it is idle for too long.
type patient struct {
	body     io.Reader
	idle     *time.Timer
	progress func(n int64)
	n        int64
}

func (p *patient) Read(b []byte) (int, error) {
	p.idle.Reset(idleTimeout)
	n, err := p.body.Read(b)
	p.n += int64(n)
	p.progress(p.n)
	return n, err
}
