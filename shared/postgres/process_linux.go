package postgres

import (
	"fmt"
	"os"
	"syscall"
)

// sysProcAttr starts a program as account, and ends it when the thread that
// started it does.
func sysProcAttr(account *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: account, Pdeathsig: syscall.SIGQUIT}
}

// reach returns a name for the data directory that the account can open. A
// path of the caller may lead through directories that are closed to others,
// as root's home is; an inherited open file does not.
func (c *cluster) reach(data string) (name string, inherit *os.File, err error) {
	if c.account == nil {
		return data, nil, nil
	}
	inherit, err = os.Open(data)
	return "/proc/self/fd/3", inherit, err
}

// serves tells whether process pid is a server of the data directory, in
// which every server process has its working directory.
func serves(pid int, data string) bool {
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	st, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, st)
}
