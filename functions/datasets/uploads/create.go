package uploads

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

// Create starts an upload, which may bring its first bytes, or concatenates partial uploads.
func (f *Function) Create(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.checkVersion(); err != nil {
		return nil, err
	}
	u := &resumable.Upload{OrganizationID: caller.OrganizationID, CreatedBy: caller.UserID}
	u.Metadata, u.Concat = in.r.Header.Get("Upload-Metadata"), in.r.Header.Get("Upload-Concat")
	partials, err := concatOf(u)
	if err != nil {
		return nil, err
	}
	if u.DatasetID, u.Target, err = targetOf(u.Metadata); err != nil {
		return nil, err
	}
	given, err := length(in.r.Header)
	if u.Kind == resumable.Final {
		if len(in.r.Header.Values("Upload-Length"))+len(in.r.Header.Values("Upload-Defer-Length")) > 0 {
			return nil, fault.New(fault.Malformed, "A final upload has no Upload-Length: its length is that of its partial uploads")
		}
	} else if err != nil {
		return nil, err
	}
	u.Length = given
	if err := f.store.Check(ctx, access.Of(caller), u); err != nil {
		return nil, err
	}
	if u.Kind == resumable.Final {
		err = f.store.Concatenate(ctx, u, partials)
	} else {
		err = f.start(ctx, in, u)
	}
	if err != nil {
		return nil, err
	}
	describe(in.w.Header(), u)
	in.w.Header().Set("Location", path+"/"+u.ID.String())
	return in.answer(http.StatusCreated)
}

// start creates the upload and adds the body, if there is one. The upload is created even if its
// first bytes do not arrive completely.
func (f *Function) start(ctx context.Context, in *Request, u *resumable.Upload) error {
	brings := in.r.ContentLength != 0 && in.r.Header.Get("Content-Type") == offsetType
	var incoming resumable.Incoming
	if brings {
		var err error
		if incoming, err = incomingOf(&in.exchange, u, 0); err != nil {
			return err
		}
	}
	entry := audit.Entry{Action: "datasets:create_upload", ResourceID: u.DatasetID.String()}
	err := act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := f.store.Create(ctx, tx, u); err != nil {
			return err
		}
		entry.Detail = map[string]any{"upload": u.ID, "kind": u.Kind}
		return nil
	})
	if err != nil || !brings {
		return err
	}
	if err := f.append(ctx, u, incoming); err != nil {
		in.w.Header().Set("Location", path+"/"+u.ID.String())
		return err
	}
	return nil
}

// concatOf sets the kind of the upload, from its Upload-Concat. It returns the partial uploads of a
// final one.
func concatOf(u *resumable.Upload) (partials []uuid.UUID, err error) {
	kind, list, _ := strings.Cut(u.Concat, ";")
	switch {
	case u.Concat == "":
		u.Kind = resumable.Whole
		return nil, nil
	case u.Concat == resumable.Partial:
		u.Kind = resumable.Partial
		return nil, nil
	case kind != resumable.Final || strings.TrimSpace(list) == "":
		return nil, fault.New(fault.Malformed, "Upload-Concat must be `partial`, or `final;` and the URLs of partial uploads, separated by spaces")
	}
	u.Kind = resumable.Final
	for _, place := range strings.Fields(list) {
		named, err := url.Parse(place)
		if err != nil {
			return nil, errPartial
		}
		prefix, last, _ := strings.Cut(named.Path, path+"/")
		id, err := uuid.Parse(last)
		if err != nil || prefix != "" {
			return nil, errPartial
		}
		partials = append(partials, id)
	}
	return partials, nil
}

var errPartial = fault.New(fault.Malformed, "Upload-Concat names something else than an upload: give the URLs in the Location of partial uploads")
