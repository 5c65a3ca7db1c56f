package s3

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	gatewayauth "github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/s3api/utils"

	"function/functions/datasets/internal/s3keys"
	"function/functions/datasets/internal/transfer"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/policy"
)

// request is a request that the gateway is handling.
type request struct {
	ctx                     context.Context // with the caller, the trace and the client
	accessKey, sessionToken string
	holder                  s3keys.Holder
	content                 chan *content // of the response, if it is an object
}

// reader is the caller as a reader of data sets.
func (r *request) reader() access.Reader { return access.Of(r.holder.Caller) }

// discard closes content that was opened but is not the response.
func (r *request) discard() {
	select {
	case c := <-r.content:
		_ = c.Close()
	default:
	}
}

// nameHeader carries the name of a request to the gateway.
const nameHeader = "X-Function-Request"

// Serve passes a request to the gateway, which calls the function's backend for what it needs.
func (f *Function) Serve(w http.ResponseWriter, r *http.Request) {
	accessKey, sessionToken, err := credentialsOf(r)
	if err != nil {
		writeError(w, r, err)
		return
	}
	holder, _, err := f.issuer.Find(r.Context(), accessKey, sessionToken)
	if err != nil {
		writeError(w, r, err)
		return
	}
	ctx := auth.WithCaller(r.Context(), holder.Caller)
	name := rand.Text()
	req := &request{ctx, accessKey, sessionToken, holder, make(chan *content, 1)}
	f.requests.Store(name, req)
	defer f.requests.Delete(name)
	defer req.discard()
	answer, err := f.gateway.transport.RoundTrip(outgoing(ctx, w, r, name))
	if err != nil {
		if ctx.Err() == nil {
			slog.ErrorContext(ctx, "S3 gateway failed", "error", err)
		}
		writeError(w, r, err)
		return
	}
	defer answer.Body.Close()
	body, length := io.ReadCloser(answer.Body), answer.ContentLength
	select {
	case c := <-req.content: // not through the gateway, which would copy it twice
		defer c.Close()
		body, length = c, c.length
	default:
	}
	header := w.Header()
	for _, hop := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Server"} {
		answer.Header.Del(hop)
	}
	maps.Copy(header, answer.Header)
	if length >= 0 {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(answer.StatusCode)
	if r.Method != http.MethodHead {
		transfer.Stream(ctx, w, func(out io.Writer) error {
			_, err := io.Copy(out, body)
			return err
		})
	}
}

// outgoing returns the request for the gateway, with everything that may be signed.
func outgoing(ctx context.Context, w http.ResponseWriter, r *http.Request, name string) *http.Request {
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", "s3", ""
	if host := r.Header.Get("X-Forwarded-Host"); host != "" {
		out.Host = host // that the client signed
	}
	for _, hop := range []string{"Connection", "Expect", "Te", "Upgrade", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For"} {
		out.Header.Del(hop)
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = nil // no default
	}
	out.Header.Set(nameHeader, name)
	// The gateway leaves the end of some bodies unread, and would answer it as if it were the next request.
	out.Close = r.ContentLength != 0
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	} else {
		out.Body = io.NopCloser(transfer.IdleTimeoutReader(w, r.Body))
	}
	return out
}

var errTwice = fault.New(fault.Malformed, "The request is signed in its header and in its URL: sign it once")

// credentialsOf returns what a request claims to be signed with. The gateway verifies it.
func credentialsOf(r *http.Request) (accessKey, sessionToken string, err error) {
	header := r.Header.Get("Authorization")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", "", fault.New(fault.Malformed, "The query of the URL is malformed").Because(err)
	}
	signed := query.Has("X-Amz-Signature") || query.Has("X-Amz-Credential")
	switch {
	case header != "" && signed:
		return "", "", errTwice
	case signed:
		accessKey, _, _ = strings.Cut(query.Get("X-Amz-Credential"), "/")
		return accessKey, query.Get("X-Amz-Security-Token"), nil
	}
	_, credential, _ := strings.Cut(header, "Credential=")
	accessKey, _, _ = strings.Cut(credential, "/")
	return accessKey, r.Header.Get("X-Amz-Security-Token"), nil
}

// of returns the request that the gateway is handling in a context, if its signature was verified for the same
// credentials, and the holder has a permission.
func (f *Function) of(ctx context.Context, permission policy.Permission) (*request, error) {
	rctx, ok := ctx.(*fasthttp.RequestCtx)
	if !ok {
		return nil, errNotSigned
	}
	found, ok := f.requests.Load(string(rctx.Request.Header.Peek(nameHeader)))
	account, verified := rctx.UserValue(string(utils.ContextKeyAccount)).(gatewayauth.Account)
	if !ok || !verified {
		return nil, errNotSigned
	}
	r := found.(*request)
	if account.Access != r.accessKey || account.SessionToken != r.sessionToken {
		return nil, errNotSigned
	}
	if _, err := auth.Member(r.ctx); err != nil {
		return nil, err
	}
	if d := policy.Decide(r.holder.Subject, policy.Need{Permission: permission}, time.Now()); !d.Allowed {
		return nil, fault.New(fault.Forbidden, "%s", d.Reason)
	}
	if permission != policy.DatasetsRead && r.holder.ReadOnly {
		return nil, fault.New(fault.Forbidden, "These credentials can only read: get others with POST /v1/datasets/s3/credentials")
	}
	return r, nil
}

var errNotSigned = fault.New(fault.Unauthenticated, "The request is not signed with the credentials that it names")
