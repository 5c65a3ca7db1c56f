package transfer

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Stream sends what write produces, until the client accepts nothing for too long. An error aborts
// the connection, so that nobody mistakes a truncated file for a complete one. The caller sets the
// headers that describe the file.
func Stream(ctx context.Context, w http.ResponseWriter, write func(io.Writer) error) {
	connection := http.NewResponseController(w)
	if err := write(&fileWriter{ResponseWriter: w, connection: connection}); err != nil {
		slog.ErrorContext(ctx, "download aborted", "error", err)
		panic(http.ErrAbortHandler)
	}
	if connection.Flush() == nil {
		_ = connection.SetWriteDeadline(time.Time{}) // the next request on the connection sets its own deadline
	}
}
