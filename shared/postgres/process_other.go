//go:build unix && !linux

package postgres

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// sysProcAttr runs a program as account.
func sysProcAttr(account *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: account}
}

// reach returns a name of the data directory that the account can open.
func (c *cluster) reach(data string) (name string, inherit *os.File, err error) {
	return data, nil, nil
}

// serves reports whether process pid is a server of the data directory.
func serves(pid int, data string) bool {
	command, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(command), " -D "+data+" ")
}
