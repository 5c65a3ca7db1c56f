// Package objectstest starts real object stores for tests: S3 (versitygw), Google Cloud Storage
// (fake-gcs-server) and Azure Blob Storage (Azurite). A test that opens their URLs must link the
// drivers.
package objectstest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Main runs a package's tests and stops the stores that they share.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

const accessKey, secretKey = "test-access-key", "test-secret-key"

// S3 is an S3 server with one bucket.
type S3 struct {
	Dir string // holds the objects as files, by name

	address string
	stop    func()
}

// NewS3 starts a server. It sets the process's access key.
func NewS3(t testing.TB) *S3 {
	t.Helper()
	setenv(t, map[string]string{"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_EC2_METADATA_DISABLED": "true"})
	s := &S3{Dir: filepath.Join(t.TempDir(), "objects", "datasets"), address: freeAddress(t)}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	t.Cleanup(func() { s.stop() })
	return s
}

// Start starts the server again after Stop, with the same objects.
func (s *S3) Start(t testing.TB) {
	t.Helper()
	program, err := tool("github.com/versity/versitygw/cmd/versitygw")
	if err != nil {
		t.Fatal("tests need an S3 server: ", err)
	}
	s.stop = start(t, s.address, program, "--port", s.address, "--access", accessKey, "--secret", secretKey, "--quiet", "posix", filepath.Dir(s.Dir))
}

// Stop kills the server.
func (s *S3) Stop() { s.stop() }

// Address returns the server's host and port.
func (s *S3) Address() string { return s.address }

// URL returns the URL of the bucket.
func (s *S3) URL() string { return s.Through(s.address) }

// Through returns the URL of the bucket by way of a proxy.
func (s *S3) Through(address string) string {
	return "s3://" + filepath.Base(s.Dir) + "?region=us-east-1&use_path_style=true&endpoint=http://" + address
}

// GCS returns the URL of a new bucket on a server with the interface of Google Cloud Storage. It sets
// the process's STORAGE_EMULATOR_HOST.
func GCS(t testing.TB) string {
	t.Helper()
	address := shared(t, "gcs", func(dir string) (string, func()) {
		program, err := tool("github.com/fsouza/fake-gcs-server")
		if err != nil {
			t.Fatal("tests need a GCS server: ", err)
		}
		address := freeAddress(t)
		host, port, _ := net.SplitHostPort(address)
		return address, start(t, address, program, "-scheme", "http", "-host", host, "-port", port, "-public-host", address,
			"-filesystem-root", dir, "-log-level", "error")
	})
	setenv(t, map[string]string{"STORAGE_EMULATOR_HOST": address})
	name := "test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	answer, err := http.Post("http://"+address+"/storage/v1/b", "application/json", strings.NewReader(`{"name": "`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("create bucket: status %d", answer.StatusCode)
	}
	return "gs://" + name
}

// The account of every Azurite.
const (
	azureAccount = "devstoreaccount1"
	azureKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// Azure returns the URL of a new container on Azurite, which scripts/setup.sh --test installs. It
// sets the process's account and key.
func Azure(t testing.TB) string {
	t.Helper()
	address := shared(t, "azure", func(dir string) (string, func()) {
		program := azurite(t)
		address := freeAddress(t)
		host, port, _ := net.SplitHostPort(address)
		return address, start(t, address, program, "--blobHost", host, "--blobPort", port, "--location", dir, "--silent", "--skipApiVersionCheck", "--disableTelemetry")
	})
	setenv(t, map[string]string{"AZURE_STORAGE_ACCOUNT": azureAccount, "AZURE_STORAGE_KEY": azureKey})
	name := "test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	credential, err := container.NewSharedKeyCredential(azureAccount, azureKey)
	if err != nil {
		t.Fatal(err)
	}
	client, err := container.NewClientWithSharedKeyCredential("http://"+address+"/"+azureAccount+"/"+name, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return "azblob://" + name + "?protocol=http&localemu=true&domain=" + address
}

// azurite returns the program. If it is absent, the test fails in CI and is skipped elsewhere.
func azurite(t testing.TB) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cache, "azurite-3.37.0", "node_modules", ".bin", "azurite-blob")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if os.Getenv("CI") != "" {
		t.Fatal("tests need Azurite: scripts/setup.sh --test installs it")
	}
	t.Skip("AZURE IS NOT TESTED: Azurite is not installed; scripts/setup.sh --test installs it, if there is Node.js with npm")
	return ""
}

var (
	mu       sync.Mutex
	running  = map[string]string{} // addresses
	cleanups []func()
	tools    = map[string]string{} // paths of programs
)

// shared starts a store once in this process.
func shared(t testing.TB, name string, launch func(dir string) (address string, stop func())) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if address := running[name]; address != "" {
		return address
	}
	dir, err := os.MkdirTemp("", "objectstest-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	cleanups = append(cleanups, func() { _ = os.RemoveAll(dir) })
	address, stop := launch(dir)
	running[name] = address
	cleanups = append(cleanups, stop)
	return address
}

// Stop stops the stores that the tests of this process share. [Main] calls it.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
}

var building sync.Mutex

// tool builds a program of the module scripts/objectstores and returns its path. Go's build cache
// makes that quick from the second time on.
func tool(pkg string) (string, error) {
	building.Lock()
	defer building.Unlock()
	if path := tools[pkg]; path != "" {
		return path, nil
	}
	_, here, _, _ := runtime.Caller(0)
	list := exec.Command("go", "tool", "-n", pkg) // builds it, and prints the path in the cache
	list.Dir = filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "objectstores")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("build %s in scripts/objectstores: %w", pkg, err)
	}
	tools[pkg] = strings.TrimSpace(string(out))
	return tools[pkg], nil
}

// start runs a server until stop is called, and waits until it listens. The shell ends the server if
// this process dies.
func start(t testing.TB, address, program string, args ...string) (stop func()) {
	t.Helper()
	const supervise = `"$@" & server=$!; cat >/dev/null; kill -9 $server`
	command := exec.Command("sh", append([]string{"-c", supervise, "sh", program}, args...)...)
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.CreateTemp("", "objectstest-*.log")
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = command.Wait()
		_ = log.Close()
		_ = os.Remove(log.Name())
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if connection, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address); err == nil {
			connection.Close()
			return stop
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log.Name())
			stop()
			t.Fatalf("%s does not answer: %s", filepath.Base(program), said)
		}
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// setenv sets variables of the process that the drivers read. Unlike testing.T.Setenv, it allows
// parallel tests; all of them set the same values.
func setenv(t testing.TB, variables map[string]string) {
	t.Helper()
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			t.Fatal(err)
		}
	}
}
