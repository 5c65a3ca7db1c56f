//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"function/shared/function"
)

// node is the address of the node, where PostgreSQL, the API server and the tests run.
const node = "10.244.0.1"

// server is something that a function may try to connect to.
type server struct {
	name, address string
	open          func(function.Declaration) bool // whether the network policies let a function reach it
}

// servers lists servers that all accept connections. Some of them no function may reach.
func servers() []server {
	declares := func(suffix string) func(function.Declaration) bool {
		return func(d function.Declaration) bool {
			for setting := range settingsOf(d) {
				if strings.HasSuffix(setting, suffix) {
					return true
				}
			}
			return false
		}
	}
	nobody := func(function.Declaration) bool { return false }
	return []server{
		{"PostgreSQL", node + ":5432", declares("_DATABASE_URL")},
		{"the object storage", "object-storage-service." + namespace + ".svc.cluster.local:7070", declares("STORAGE_LOCAL_URL")},
		{"a mail server", node + ":25", declares("SMTP_URL")},
		{"the ingress", "kourier-internal.kourier-system.svc.cluster.local:80", func(d function.Declaration) bool { return d.Name == "platform-gateway" }},
		{"the API server", node + ":6443", nobody},
		{"Kourier's controller", "net-kourier-controller.knative-serving.svc.cluster.local:18000", nobody},
	}
}

// listenForMail accepts connections on the mail port of the node until the test ends.
func listenForMail(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", node+":25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Close()
		}
	}()
}

var allowed, denied atomic.Int32

// checkNetwork checks, from the network namespace of a running function, that it reaches the
// servers that it declares and no others.
func checkNetwork(t *testing.T, name string) {
	t.Helper()
	pids := processes()[name]
	if len(pids) == 0 {
		t.Fatalf("%s answered, but has no process", name)
	}
	d := declaration(t, name)
	for _, s := range servers() {
		address, err := net.ResolveTCPAddr("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		err = dialFrom(pids[0], address.String())
		switch want := s.open(d); {
		case want && err != nil:
			t.Errorf("%s cannot reach %s, which it declares: %v", name, s.name, err)
		case !want && err == nil:
			t.Errorf("%s can reach %s, which it does not declare", name, s.name)
		case want:
			allowed.Add(1)
		default:
			denied.Add(1)
		}
	}
}

// dialFrom connects to an IP address and port in the network namespace of a process.
func dialFrom(pid int, address string) error {
	namespace, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil {
		return err
	}
	defer namespace.Close()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("enter the network namespace: %w", err)
			return
		}
		connection, err := net.DialTimeout("tcp", address, 2*time.Second)
		if err == nil {
			err = connection.Close()
		}
		result <- err
	}()
	return <-result
}

// awaitPolicies waits until the network policies of a new pod are in force: until then, the
// enforcer lets everything pass.
func awaitPolicies(t *testing.T, name string) {
	t.Helper()
	await(t, "the network policies of "+name, func() bool {
		pids := processes()[name]
		return len(pids) > 0 && errors.Is(dialFrom(pids[0], node+":6443"), unix.ECONNREFUSED)
	})
}
