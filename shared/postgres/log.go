package postgres

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

const logName = "server.log"

// newLog starts a new log of the server and keeps the previous one.
func newLog(dir string) (*os.File, error) {
	path := filepath.Join(dir, logName)
	if err := os.Rename(path, path+".old"); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
}

// readLog returns the log's contents from offset, up to 64 KiB.
func readLog(log *os.File, offset int64) string {
	b, _ := io.ReadAll(io.NewSectionReader(log, offset, 64<<10))
	return string(b)
}

// logTail returns the last lines of the log in dir.
func logTail(dir string) string {
	log, err := os.Open(filepath.Join(dir, logName))
	if err != nil {
		return ""
	}
	defer log.Close()
	st, err := log.Stat()
	if err != nil {
		return ""
	}
	return lastLines(readLog(log, max(0, st.Size()-4<<10)))
}

// lastLines returns the last few lines of text.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}
