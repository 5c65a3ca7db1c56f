package transfer

import (
	"io"
	"net/http"
	"time"
)

// idleTimeout is how long a connection may be idle during a transfer. A slow client may take as
// long as it needs; a client that has gone may not.
const idleTimeout = 30 * time.Second

// IdleTimeoutReader returns a reader of the request's body that fails when the client sends
// nothing for too long.
func IdleTimeoutReader(w http.ResponseWriter, body io.Reader) io.Reader {
	return idleTimeoutReader{http.NewResponseController(w), body, idleTimeout}
}

type idleTimeoutReader struct {
	connection *http.ResponseController
	body       io.Reader
	timeout    time.Duration
}

// Read clears the deadline afterwards: net/http keeps reading while the request is handled and
// would take an expired deadline for a disconnected client. Errors of SetReadDeadline are
// ignored: if the connection supports no deadlines or is closed, Read reports any failure.
func (r idleTimeoutReader) Read(p []byte) (int, error) {
	_ = r.connection.SetReadDeadline(time.Now().Add(r.timeout))
	n, err := r.body.Read(p)
	if err == nil || err == io.EOF {
		_ = r.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}
