package platformtest

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// OpenSearch returns the URL of an OpenSearch, which tests share: give each its own indexes. It is that of TEST_SEARCH_URL, which may also be
// an Elasticsearch, and otherwise a server of this test binary, which scripts/setup.sh --test installs. If there is none, the test fails in CI and
// is skipped elsewhere.
func OpenSearch(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("TEST_SEARCH_URL"); url != "" {
		return url
	}
	url, err := openSearch()
	switch {
	case err == nil:
		return url
	case !errors.Is(err, fs.ErrNotExist):
		t.Fatal("tests need an OpenSearch: ", err)
	case os.Getenv("CI") != "":
		t.Fatal("tests need OpenSearch: scripts/setup.sh --test installs it")
	}
	t.Skip("SEARCH SERVERS ARE NOT TESTED: OpenSearch is not installed; scripts/setup.sh --test installs it, if there is Java")
	return ""
}

// openSearchVersion is also in scripts/setup.sh and scripts/opensearch.xml.
const openSearchVersion = "2.19.6"

var openSearch = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	installed := filepath.Join(cache, "opensearch-"+openSearchVersion)
	if _, err := os.Stat(installed); err != nil {
		return "", err
	}
	home, err := os.MkdirTemp("", "opensearch-")
	if err != nil {
		return "", err
	}
	cleanups = append(cleanups, func() { _ = os.RemoveAll(home) })
	url, err := startOpenSearch(installed, home)
	if err != nil {
		return "", fmt.Errorf("start OpenSearch: %v", err) // not fs.ErrNotExist
	}
	return url, nil
})

// The packages of OpenSearch lack what its distribution adds to them: the descriptor of a module, its permissions and the configuration.
var openSearchFiles = map[string]string{
	"modules/netty/plugin-descriptor.properties": "name=netty\ndescription=HTTP\nversion=" + openSearchVersion + "\nopensearch.version=" + openSearchVersion +
		"\njava.version=11\nclassname=org.opensearch.transport.Netty4Plugin\nhas.native.controller=false\n",
	"modules/netty/plugin-security.policy": `grant {
	permission java.net.SocketPermission "*", "accept,connect";
	permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
	permission java.lang.RuntimePermission "getClassLoader";
};`,
	"config/log4j2.properties": `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1.} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`,
	"config/opensearch.yml": `discovery.type: single-node
network.host: 127.0.0.1
http.port: %s
transport.port: 0
cluster.routing.allocation.disk.threshold_enabled: false
`,
}

func startOpenSearch(installed, home string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	listener.Close()
	if err := os.CopyFS(home, os.DirFS(installed)); err != nil {
		return "", err
	}
	for _, dir := range []string{"config", "modules", "plugins", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Rename(filepath.Join(home, "netty"), filepath.Join(home, "modules", "netty")); err != nil {
		return "", err
	}
	for name, text := range openSearchFiles {
		path := filepath.Join(home, name)
		if name == "config/opensearch.yml" {
			_, port, _ := net.SplitHostPort(address)
			text = fmt.Sprintf(text, port)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	credential, err := unprivileged(home)
	if err != nil {
		return "", err
	}
	// The shell ends the server if this process dies.
	const supervise = `"$@" & server=$!; cat >/dev/null; kill -9 $server`
	command := exec.Command("sh", "-c", supervise, "sh", "java", "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.security.manager=allow",
		"-Djava.io.tmpdir="+filepath.Join(home, "tmp"), "-Dopensearch.path.home="+home, "-Dopensearch.path.conf="+filepath.Join(home, "config"),
		"-Dopensearch.distribution.type=tar", "-Dlog4j2.disable.jmx=true", "-cp", filepath.Join(home, "lib", "*"), "org.opensearch.bootstrap.OpenSearch")
	command.Dir, command.SysProcAttr = home, &syscall.SysProcAttr{Credential: credential}
	log := filepath.Join(home, "log")
	output, err := os.Create(log)
	if err != nil {
		return "", err
	}
	command.Stdout, command.Stderr = output, output
	stdin, err := command.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", err
	}
	cleanups = append(cleanups, func() { _ = stdin.Close(); _ = command.Wait() })
	return "http://" + address, answers("http://"+address+"/_cluster/health", log)
}

// answers waits until a server answers.
func answers(url, log string) error {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(log)
			return fmt.Errorf("it does not answer: %s", said)
		}
	}
}

// unprivileged returns another user if this one is root, as whom OpenSearch refuses to run, and gives that user the files of a directory.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}
