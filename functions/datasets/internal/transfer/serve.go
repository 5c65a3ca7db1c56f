package transfer

import (
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
	"function/shared/problem"
)

// ServeFile writes a file, or the range that the request asks for, until the client accepts
// nothing for too long. The caller sets the headers that describe the file.
func ServeFile(w http.ResponseWriter, r *http.Request, changed time.Time, file io.ReadSeeker) {
	connection := http.NewResponseController(w)
	http.ServeContent(&fileWriter{ResponseWriter: w, request: r, connection: connection}, r, "", changed, file)
	if connection.Flush() == nil {
		_ = connection.SetWriteDeadline(time.Time{}) // the next request on the connection sets its own deadline
	}
}

type fileWriter struct {
	http.ResponseWriter
	request    *http.Request
	connection *http.ResponseController
	refused    bool
}

// WriteHeader replaces net/http's plain-text error for a range outside the file with a problem.
func (w *fileWriter) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.refused = true
	w.Header().Del("Content-Disposition")
	problem.Write(w.request.Context(), w.ResponseWriter,
		fault.New(fault.Unsatisfiable, "The range lies outside the file; Content-Range gives the size of the file"))
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	_ = w.connection.SetWriteDeadline(time.Now().Add(idleTimeout))
	return w.ResponseWriter.Write(p)
}

// FileAnswer describes a response that is a file.
func FileAnswer(description string) *huma.Response {
	file := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	return &huma.Response{Description: description, Headers: map[string]*huma.Header{}, Content: map[string]*huma.MediaType{
		"text/csv": file, "application/json": file, "application/x-ndjson": file, "application/vnd.apache.parquet": file, "application/avro": file,
		"application/vnd.apache.orc": file, "application/vnd.apache.arrow.stream": file, "application/vnd.apache.arrow.file": file,
		"application/gzip": file, "application/zstd": file, "application/zip": file,
	}}
}
