package platformtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Unsent returns the response to a request, such as "PUT /path", whose header announces a body that is
// never sent.
func Unsent(t testing.TB, p *Platform, token, request, header string) *http.Response {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(connection, "%s HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", request, token, header); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("%s with %s: no response: %v", request, header, err)
	}
	_ = answer.Body.Close()
	return answer
}
