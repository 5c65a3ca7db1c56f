package postgres

import (
	"fmt"
	"os"
	"syscall"
)

// sysProcAttr runs a program as account and stops it when the thread that started it ends.
func sysProcAttr(account *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: account, Pdeathsig: syscall.SIGQUIT}
}

// reach returns a name of the data directory that the account can open. The caller's path may lead
// through directories that others cannot access, such as root's home; an inherited open file avoids
// them.
func (c *cluster) reach(data string) (name string, inherit *os.File, err error) {
	if c.account == nil {
		return data, nil, nil
	}
	inherit, err = os.Open(data)
	return "/proc/self/fd/3", inherit, err
}

// serves reports whether process pid is a server of the data directory, which is the working
// directory of its server processes.
func serves(pid int, data string) bool {
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	st, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, st)
}
