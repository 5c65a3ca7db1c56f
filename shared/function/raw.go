package function

import (
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
)

// Raw is the body of a request as it came, for an operation that is to say itself
// what is wrong with it. It stands in the request's type; the operation declares its
// RequestBody with the schema among the extensions, where huma does not look.
type Raw struct {
	bytes []byte
	err   error
	read  bool
}

// The bounds of a body: of its size where the operation has no MaxBodyBytes, and of
// how long it takes to arrive; both are huma's own.
const (
	maxRawBody     = 1 << 20
	rawBodyTimeout = 5 * time.Second
)

// Resolve implements huma.Resolver.
func (r *Raw) Resolve(ctx huma.Context) []error {
	if r.read {
		return nil
	}
	r.read = true
	most := ctx.Operation().MaxBodyBytes
	if most <= 0 {
		most = maxRawBody
	}
	if err := ctx.SetReadDeadline(time.Now().Add(rawBodyTimeout)); err != nil {
		r.err = fault.New(fault.Internal, "The body cannot be read").Because(err)
		return nil
	}
	r.bytes, r.err = io.ReadAll(io.LimitReader(ctx.BodyReader(), most+1))
	switch {
	case r.err != nil:
		r.err = fault.New(fault.Malformed, "The body did not arrive whole")
	case int64(len(r.bytes)) > most:
		r.bytes, r.err = nil, fault.New(fault.TooLarge, "The body has more than %d bytes", most)
	}
	return nil
}

// Bytes is the body; one that is too large, or did not arrive whole, is a fault.
func (r *Raw) Bytes() ([]byte, error) { return r.bytes, r.err }
