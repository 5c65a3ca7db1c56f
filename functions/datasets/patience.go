package datasets

import (
	"io"
	"net/http"
	"time"
)

// Patience is how long a connection may be silent while a file is on its way: a
// slow client may take as long as it likes, one that has gone may not.
const Patience = 30 * time.Second

// PatientReader reads a request's body until the client is silent for too long.
func PatientReader(w http.ResponseWriter, body io.Reader) io.Reader {
	return patientReader{http.NewResponseController(w), body}
}

type patientReader struct {
	connection *http.ResponseController
	body       io.Reader
}

// Read leaves no deadline behind: net/http goes on reading while the request is
// handled, and would take a passed deadline for the client's end.
func (r patientReader) Read(p []byte) (int, error) {
	if err := r.connection.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		return 0, err
	}
	n, err := r.body.Read(p)
	if err == nil || err == io.EOF {
		_ = r.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// PatientWriter answers until the client takes nothing for too long.
func PatientWriter(w http.ResponseWriter) http.ResponseWriter {
	return patientWriter{w, http.NewResponseController(w)}
}

type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w patientWriter) Write(p []byte) (int, error) {
	if err := w.connection.SetWriteDeadline(time.Now().Add(Patience)); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}
