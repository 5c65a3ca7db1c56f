package transfer

import (
	"io"
	"net/http"
	"time"
)

// patience is how long a connection may be silent while a file is on its way: a
// slow client may take as long as it likes, one that has gone may not.
const patience = 30 * time.Second

// PatientReader reads a request's body until the client is silent for too long.
func PatientReader(w http.ResponseWriter, body io.Reader) io.Reader {
	return patientReader{http.NewResponseController(w), body, patience}
}

type patientReader struct {
	connection *http.ResponseController
	body       io.Reader
	patience   time.Duration
}

// Read leaves no deadline behind: net/http goes on reading while the request is
// handled, and would take a passed deadline for the client's end. On a connection
// that has no deadlines, or has gone, reading itself tells.
func (r patientReader) Read(p []byte) (int, error) {
	_ = r.connection.SetReadDeadline(time.Now().Add(r.patience))
	n, err := r.body.Read(p)
	if err == nil || err == io.EOF {
		_ = r.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}
