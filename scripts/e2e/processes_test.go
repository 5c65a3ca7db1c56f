//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes returns the processes of the pods by role: a function's name, "queue-proxy of" the
// function, or for all others the name of the pod's Deployment.
func processes() map[string][]int {
	found := map[string][]int{}
	folders, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range folders {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		environment := map[string]string{}
		for variable := range strings.SplitSeq(string(content), "\x00") {
			name, value, _ := strings.Cut(variable, "=")
			environment[name] = value
		}
		switch parts := strings.Split(environment["HOSTNAME"], "-"); {
		case environment["K_SERVICE"] != "":
			found[environment["K_SERVICE"]] = append(found[environment["K_SERVICE"]], pid)
		case environment["SERVING_SERVICE"] != "":
			name := "queue-proxy of " + environment["SERVING_SERVICE"]
			found[name] = append(found[name], pid)
		case len(parts) > 2 && environment["KUBERNETES_SERVICE_HOST"] != "":
			name := strings.Join(parts[:len(parts)-2], "-")
			found[name] = append(found[name], pid)
		}
	}
	return found
}

// peak returns the largest peak of resident memory among some processes, in MiB.
func peak(pids []int) int {
	most := 0
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.SplitSeq(string(status), "\n") {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kilobytes, _ := strconv.Atoi(strings.Fields(value)[0])
				most = max(most, kilobytes/1024)
			}
		}
	}
	return most
}
