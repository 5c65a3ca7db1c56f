package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pidFile returns the path of the file to which a server writes its PID and state. A crash leaves
// it behind.
func pidFile(data string) string { return filepath.Join(data, "postmaster.pid") }

func modified(path string) time.Time {
	st, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// readPIDFile returns the PID and state in the file's first and eighth lines, if present.
func readPIDFile(data string) (pid int, status string) {
	b, err := os.ReadFile(pidFile(data))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(b), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return 0, ""
	}
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}
