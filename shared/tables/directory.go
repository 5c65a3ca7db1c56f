package tables

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// prefix begins the names of cache directories.
const prefix = "tables-"

// ownDirectory creates and locks a private directory in scratch, and removes those that dead
// processes left behind.
func ownDirectory(scratch string) (dir string, lock *os.File, err error) {
	if scratch == "" {
		scratch = os.TempDir()
	}
	removeAbandoned(scratch)
	if dir, err = os.MkdirTemp(scratch, prefix); err != nil { // 0700
		return "", nil, fmt.Errorf("make a directory for tables: %w", err)
	}
	if lock, err = lockDirectory(dir); err != nil {
		return "", nil, errors.Join(fmt.Errorf("lock the directory of tables: %w", err), os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// lockDirectory locks a directory until the file is closed or the process dies.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// removeAbandoned removes the directories of dead processes. It skips directories younger than a
// minute, which may not be locked yet.
func removeAbandoned(scratch string) {
	dirs, _ := filepath.Glob(filepath.Join(scratch, prefix+"*"))
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if lock, err := lockDirectory(dir); err == nil {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}
	}
}
