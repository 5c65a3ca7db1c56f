package uploads

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/transfer"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/problem"
)

// statusChecksumMismatch is the protocol's own status.
const statusChecksumMismatch = 460

var errChecksum = errors.New("checksum mismatch")

// Patch adds the body to an upload.
func (f *Function) Patch(ctx context.Context, in *ItemRequest) (*Response, error) {
	if err := in.checkVersion(); err != nil {
		return nil, err
	}
	if in.r.Header.Get("Content-Type") != offsetType {
		return nil, fault.New(fault.Unsupported, "Send the bytes with Content-Type: %s", offsetType)
	}
	offset, err := number(in.r.Header, "Upload-Offset")
	if err == nil && offset == nil {
		err = fault.New(fault.Malformed, "Send the header Upload-Offset")
	}
	if err != nil {
		return nil, err
	}
	u, err := f.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Kind == resumable.Final:
		return nil, fault.New(fault.Forbidden, "A final upload consists of its partial uploads: nothing can be added to it")
	case u.Kind == resumable.Import:
		return nil, fault.New(fault.Forbidden, "This file is fetched from a URL: nothing can be added to it")
	case u.Kind == resumable.Direct:
		return nil, fault.New(fault.Forbidden, "This file is put at a signed URL: nothing can be added to it here")
	}
	incoming, err := incomingOf(&in.exchange, u, *offset)
	if err != nil {
		return nil, err
	}
	if incoming.Length, err = number(in.r.Header, "Upload-Length"); err != nil {
		return nil, err
	}
	if u.Version == nil || *offset != u.Received || in.r.ContentLength != 0 { // else the last response was lost
		err = f.append(ctx, u, incoming)
	}
	if errors.Is(err, errChecksum) {
		return &Response{Body: func(huma.Context) {
			p := problem.New(ctx, statusChecksumMismatch, "The bytes that arrived do not have this checksum: nothing of the request was stored. Send it again.", nil)
			p.Title = "Checksum Mismatch"
			p.Write(in.w)
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	describe(in.w.Header(), u)
	return in.answer(http.StatusNoContent)
}

// append adds the body to an upload. A body that ends early is not an error if it has no checksum:
// the response, if the client is still there, tells the offset to go on from.
func (f *Function) append(ctx context.Context, u *resumable.Upload, in resumable.Incoming) error {
	err := f.store.Append(ctx, u, in)
	if resumable.IsInterrupted(err) && in.Verify == nil {
		return nil
	}
	return err
}

// incomingOf returns the body of a request and its checksum. It refuses a body that is known to be
// too long.
func incomingOf(e *exchange, u *resumable.Upload, offset int64) (in resumable.Incoming, err error) {
	in.Offset, in.Body = offset, transfer.IdleTimeoutReader(e.w, e.r.Body)
	if u.Length != nil && offset == u.Received && e.r.ContentLength > *u.Length-offset {
		return in, fault.New(fault.TooLarge, "The request has more bytes than the upload lacks")
	}
	sum, err := parseChecksum(e.r.Header)
	if sum == nil || err != nil {
		return in, err
	}
	in.Checksum = sum.hash
	in.Verify = func(got []byte) error {
		if !bytes.Equal(got, sum.want) {
			return errChecksum
		}
		return nil
	}
	return in, nil
}

// Override does what another method would do, for clients that can send only GET and POST.
func (f *Function) Override(ctx context.Context, in *ItemRequest) (*Response, error) {
	switch in.r.Header.Get("X-HTTP-Method-Override") {
	case http.MethodPatch:
		return f.Patch(ctx, in)
	case http.MethodHead:
		return f.Head(ctx, in)
	case http.MethodDelete:
		return f.Delete(ctx, in)
	}
	return nil, fault.New(fault.Malformed, "Send PATCH, HEAD or DELETE in the header X-HTTP-Method-Override, or use these methods")
}

// Head tells how much has arrived.
func (f *Function) Head(ctx context.Context, in *ItemRequest) (*Response, error) {
	in.w.Header().Set("Cache-Control", "no-store")
	if err := in.checkVersion(); err != nil {
		return nil, err
	}
	u, err := f.find(ctx, in.ID)
	if err == nil {
		err = u.Usable()
	}
	if err != nil {
		return nil, err
	}
	h := in.w.Header()
	describe(h, u)
	switch {
	case u.Length != nil:
		h.Set("Upload-Length", strconv.FormatInt(*u.Length, 10))
	default:
		h.Set("Upload-Defer-Length", "1")
	}
	if u.Metadata != "" {
		h.Set("Upload-Metadata", u.Metadata)
	}
	if u.Concat != "" {
		h.Set("Upload-Concat", u.Concat)
	}
	return in.answer(http.StatusOK)
}

// describe sets the header fields of an upload that change.
func describe(h http.Header, u *resumable.Upload) {
	h.Set("Upload-Offset", strconv.FormatInt(u.Received, 10))
	if u.Version != nil {
		h.Set("Dataset-Version", strconv.Itoa(*u.Version))
		return
	}
	h.Set("Upload-Expires", u.ExpiresAt.UTC().Format(http.TimeFormat))
}

// Delete ends an upload.
func (f *Function) Delete(ctx context.Context, in *ItemRequest) (*Response, error) {
	if err := in.checkVersion(); err != nil {
		return nil, err
	}
	u, err := f.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var discard func(context.Context)
	entry := audit.Entry{Action: "datasets:delete_upload", ResourceID: u.DatasetID.String(), Detail: map[string]any{"upload": u.ID}}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		discard, err = f.store.Delete(ctx, tx, u)
		return err
	})
	if err != nil {
		return nil, err
	}
	discard(ctx)
	return in.answer(http.StatusNoContent)
}
