package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pidFile is where a server writes its pid and state, and which it leaves
// behind when it crashes.
func pidFile(data string) string { return filepath.Join(data, "postmaster.pid") }

func modified(path string) time.Time {
	st, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// readPIDFile returns the pid and the state that the file's first and eighth
// lines hold, as far as they are there.
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
