package transfer

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestStream_WriterFails_AbortsTheConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Stream(r.Context(), w, func(out io.Writer) error {
			if _, err := io.WriteString(out, "a,b\n"); err != nil {
				return err
			}
			_ = http.NewResponseController(w).Flush()
			return errors.New("the rest cannot be read")
		})
	}))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()

	got, err := io.ReadAll(answer.Body)

	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q ends with %v, want an unexpected end", got, err)
	}
}
