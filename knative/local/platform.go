package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"function/functions"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/problem"
	"function/shared/runtime"
)

// Paths of the local platform itself, for programs on this machine only.
const (
	brokerPath   = "/_local/broker"
	functionPath = "/_local/functions/"
	firePath     = "/_local/schedules/{name}/fire"
	commandPath  = "/_local/commands/{command}"
	mailsPath    = "/_local/mails"
)

// platform is all functions on one port, with the broker and the schedules that call them.
type platform struct {
	stores    *stores
	env       *function.Env
	handler   http.Handler
	schedules *schedules
	life      context.Context
	end       context.CancelFunc
}

func newPlatform(s *stores) (*platform, error) {
	m, err := readManifests()
	if err != nil {
		return nil, err
	}
	p := &platform{stores: s, env: function.NewEnv(s.config)}
	p.life, p.end = context.WithCancel(context.Background())
	host := runtime.NewHost(p.life)
	mux := http.NewServeMux()
	runtime.HandleHealth(mux)
	for _, d := range functions.Catalog {
		if err := host.Mount(d, p.env); err != nil {
			return nil, err
		}
		if receiver := host.Receiver(d.Name); receiver != nil {
			mux.Handle("POST "+functionPath+d.Name, loopbackOnly(receiver))
		}
	}
	b := &broker{life: p.life, triggers: m.triggers, client: outbox.NewClient(), address: p.address}
	if p.schedules, err = newSchedules(b, m.schedules); err != nil {
		return nil, err
	}
	mux.Handle("POST "+brokerPath, loopbackOnly(b))
	mux.Handle("POST "+firePath, loopbackOnly(p.schedules))
	mux.Handle("POST "+commandPath, loopbackOnly(http.HandlerFunc(p.runCommand)))
	mux.Handle("GET "+mailsPath, loopbackOnly(http.HandlerFunc(s.listMails)))
	mux.Handle("GET "+mailsPath+"/{id}", loopbackOnly(http.HandlerFunc(s.readMail)))
	p.handler = runtime.Front(mux, runtime.CORS(s.config, host.Handler()))
	return p, nil
}

func (p *platform) address(service string) string {
	return p.stores.config.Sink[:len(p.stores.config.Sink)-len(brokerPath)] + functionPath + service
}

const firstCurl = `
  curl -sX POST http://localhost:%[1]d/v1/users/register -H 'Content-Type: application/json' \
       -d '{"email":"ada@example.com","password":"correct horse","first_name":"Ada","last_name":"Lovelace"}'

  curl -s http://localhost:%[1]d/_local/commands/platform-admin -d argument=ada@example.com   # makes her a platform admin

The API: http://localhost:%[1]d/docs   Mail: http://localhost:%[1]d/_local/mails   Ctrl-C stops it.
`

// serve serves requests until ctx ends or PostgreSQL stops.
func (p *platform) serve(ctx context.Context, listener net.Listener) error {
	server := runtime.NewServer(p.handler)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	p.resume(ctx)
	p.schedules.cron.Start()
	port := listener.Addr().(*net.TCPAddr).Port
	fmt.Printf("ready http://localhost:%d\n"+firstCurl, port, port)

	var err error
	select {
	case <-ctx.Done():
	case err = <-stopped:
	case <-p.stores.server.Done():
		err = errors.New("PostgreSQL ended; its log is in the data directory")
	}
	return errors.Join(err, p.stop(server))
}

// resume sends the events that a crash left in the outboxes. No other process can be sending.
func (p *platform) resume(ctx context.Context) {
	for _, name := range database.Names {
		db, err := p.env.Database(ctx, name)
		if err == nil {
			err = outbox.RetryNow(ctx, db.Pool)
		}
		if err != nil {
			fmt.Println("events of", name, "will be sent later:", err)
			return
		}
	}
	if relay, ok := p.schedules.byName["platform-outbox-relay"]; ok {
		go p.schedules.fire(relay)
	}
}

// runCommand runs a command of the catalog with the form's arguments, as `serve COMMAND ARGUMENTS`
// does on a cluster.
func (p *platform) runCommand(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		problem.Write(r.Context(), w, fault.New(fault.Malformed, "The body is not a form such as argument=ada@example.com"))
		return
	}
	arguments := r.Form["argument"]
	command, err := function.FindCommand(functions.Commands, r.PathValue("command"), arguments)
	if err != nil {
		problem.Write(r.Context(), w, fault.New(fault.NotFound, "%s", err))
		return
	}
	if err := command.Run(r.Context(), p.env, arguments); err != nil {
		problem.Write(r.Context(), w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// stopTime is how long requests in progress may take after Ctrl-C.
const stopTime = time.Second

func (p *platform) stop(server *http.Server) error {
	p.schedules.cron.Stop()
	drain, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		p.end()
		_ = server.Close()
	}
	p.end()
	closed := make(chan error, 1)
	go func() { closed <- p.env.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(stopTime):
		return nil // a statement is still running; stopping PostgreSQL ends it
	}
}
