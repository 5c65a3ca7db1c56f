package privacy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Stream streams a file to the client while write produces it. An error aborts the connection,
// so that nobody mistakes a truncated file for a complete one.
func Stream(ctx context.Context, mediaType, name string, write func(io.Writer) error) func(huma.Context) {
	return func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s"`, name))
		out := &deadlineWriter{w: w, connection: http.NewResponseController(w)}
		if err := write(out); err != nil {
			slog.ErrorContext(ctx, "export aborted", "error", err)
			panic(http.ErrAbortHandler)
		}
		if out.connection.Flush() == nil {
			_ = out.connection.SetWriteDeadline(time.Time{}) // the connection's next request sets its own deadline
		}
	}
}

// idleTimeout is how long a client may stop reading.
const idleTimeout = 30 * time.Second

type deadlineWriter struct {
	w          http.ResponseWriter
	connection *http.ResponseController
}

func (p *deadlineWriter) Write(b []byte) (int, error) {
	_ = p.connection.SetWriteDeadline(time.Now().Add(idleTimeout))
	return p.w.Write(b)
}
