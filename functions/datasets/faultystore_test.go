package datasets_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"function/shared/objects/objectstest"
)

// faultyStore is an S3 server behind a proxy that breaks it.
type faultyStore struct {
	*objectstest.S3
	front   *httptest.Server
	backend *httputil.ReverseProxy

	mu       sync.Mutex
	fault    storeFault    // nil while the store works
	repaired chan struct{} // closed when the fault ends
}

// storeFault answers a request in place of the store, whose own answer it may request.
type storeFault func(s *faultyStore, w http.ResponseWriter, r *http.Request, repaired <-chan struct{})

func newFaultyStore(t *testing.T) *faultyStore {
	t.Helper()
	s := &faultyStore{S3: objectstest.NewS3(t)}
	s.backend = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: s.Address()})
		r.Out.Host = r.In.Host // the signature covers it
	}}
	s.front = httptest.NewServer(s)
	t.Cleanup(func() { s.repair(); s.front.Close() })
	return s
}

// url returns the URL of the bucket by way of the proxy. The client may repeat no request, so that
// each fault is seen at once, and waits a few seconds for answers to writes.
func (s *faultyStore) url() string {
	return s.Through(strings.TrimPrefix(s.front.URL, "http://")) + "&rate_limiter_capacity=1&write_timeout=3s"
}

func (s *faultyStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault, repaired := s.fault, s.repaired
	s.mu.Unlock()
	if fault == nil {
		s.backend.ServeHTTP(w, r)
		return
	}
	fault(s, w, r, repaired)
}

func (s *faultyStore) breakBy(fault storeFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.repaired = fault, make(chan struct{})
}

func (s *faultyStore) repair() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		s.fault = nil
		close(s.repaired)
	}
}

// ask returns the store's own answer.
func (s *faultyStore) ask(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	s.backend.ServeHTTP(answer, r)
	return answer
}

func cutConnection(_ *faultyStore, _ http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
	panic(http.ErrAbortHandler)
}

func answerUnavailable(_ *faultyStore, w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

func hang(_ *faultyStore, _ http.ResponseWriter, r *http.Request, repaired <-chan struct{}) {
	select {
	case <-repaired:
	case <-r.Context().Done():
	}
	panic(http.ErrAbortHandler)
}

// hangAtWrites answers only reads.
func hangAtWrites(s *faultyStore, w http.ResponseWriter, r *http.Request, repaired <-chan struct{}) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		s.backend.ServeHTTP(w, r)
		return
	}
	hang(s, w, r, repaired)
}

// refuseWrites is a full store.
func refuseWrites(s *faultyStore, w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		w.WriteHeader(http.StatusInsufficientStorage)
		return
	}
	s.backend.ServeHTTP(w, r)
}

// loseAnswers does what is asked and says nothing.
func loseAnswers(s *faultyStore, _ http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
	s.ask(r)
	panic(http.ErrAbortHandler)
}

// tearAnswers sends the first half of an answer.
func tearAnswers(s *faultyStore, w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
	s.send(w, s.ask(r), func(body []byte) []byte { return body[:len(body)/2] })
}

// falsifyAnswers changes a byte of what is read.
func falsifyAnswers(s *faultyStore, w http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
	answer := s.ask(r)
	s.send(w, answer, func(body []byte) []byte {
		if r.Method == http.MethodGet && answer.Code < 300 && len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		return body
	})
}

func (s *faultyStore) send(w http.ResponseWriter, answer *httptest.ResponseRecorder, change func([]byte) []byte) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	sent := change(answer.Body.Bytes())
	_, _ = w.Write(sent)
	if len(sent) < answer.Body.Len() {
		panic(http.ErrAbortHandler)
	}
}
