// Package process looks at the processes of a Linux machine.
package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process identifies a Linux process, even if its PID is reused later.
type Process struct {
	PID    int
	parent int
	state  string
	began  string // in ticks since boot
}

// read reads /proc/<pid>/stat, see proc_pid_stat(5).
func read(pid int) (Process, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Process{}, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // starting with field 3
	if len(fields) < 20 {
		return Process{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	parent, err := strconv.Atoi(fields[1])
	return Process{PID: pid, parent: parent, state: fields[0], began: fields[19]}, err
}

// Alive reports whether the process still runs.
func (p Process) Alive() bool {
	now, err := read(p.PID)
	return err == nil && now.began == p.began && now.state != "Z"
}

// Descendants returns a process's children, their children and so on.
func Descendants(pid int) ([]Process, error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	children := map[int][]Process{}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if p, err := read(pid); err == nil { // otherwise it has ended
			children[p.parent] = append(children[p.parent], p)
		}
	}
	found := children[pid]
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].PID]...)
	}
	return found, nil
}

// PeakMemory returns the peak resident memory of a process in bytes, without its children.
func PeakMemory(pid int) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib int64
			_, err := fmt.Sscanf(value, "%d kB", &kib)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}

// Load returns the load average of the last minute.
func Load() string {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(averages))[0]
}
