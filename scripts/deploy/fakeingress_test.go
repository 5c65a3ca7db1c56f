package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// serve is `kubectl port-forward` to a platform that has one account.
func (f *fake) serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("Forwarding from %s -> 8080\n", listener.Addr())
	address := "10.0.0.1"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(cmp.Or(f.Keys, http.StatusOK))
	})
	mux.HandleFunc("POST /v1/users/register", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(cmp.Or(f.Register, http.StatusCreated))
	})
	mux.HandleFunc("POST /v1/users/login", func(w http.ResponseWriter, r *http.Request) {
		if f.Believes {
			address = r.Header.Get("X-Forwarded-For")
		}
		fmt.Fprint(w, `{"access_token": "the-token"}`)
	})
	mux.HandleFunc("GET /v1/users/sessions", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprintf(w, `{"sessions": [{"address": %q}]}`, address)
	})
	mux.HandleFunc("DELETE /v1/users/profile", func(w http.ResponseWriter, r *http.Request) {
		if err := write(filepath.Join(f.folder, "erased"), []byte(r.URL.RawQuery)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return http.Serve(listener, mux)
}
