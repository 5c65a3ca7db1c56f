// Command ferretdb is a server with MongoDB's wire protocol on a PostgreSQL database, for tests of
// code that stores documents in MongoDB:
//
//	ferretdb -postgresql postgres://…
//
// It prints the URI to connect to, and serves on the loopback interface until its standard input is
// closed, so that it never outlives the test that started it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	url := flag.String("postgresql", "", "URL of the database that keeps the documents")
	flag.Parse()
	if err := serve(*url); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func serve(url string) error {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:        slog.New(slog.DiscardHandler), // it logs every duplicate key as an error
		Handler:       "postgresql",
		PostgreSQLURL: url,
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	fmt.Println(server.MongoDBURI()) // waits until the server listens
	return <-ended
}
