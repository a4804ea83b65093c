//go:build unix

package keystore

import (
	"fmt"
	"os"
	"syscall"
)

func stat(info os.FileInfo) *syscall.Stat_t {
	s, _ := info.Sys().(*syscall.Stat_t)
	return s
}

// ours tells whether a file belongs to whoever runs this process, or to root.
func ours(info os.FileInfo) bool {
	s := stat(info)
	return s == nil || int(s.Uid) == os.Geteuid() || s.Uid == 0
}

func inode(info os.FileInfo) uint64 {
	if s := stat(info); s != nil {
		return uint64(s.Ino)
	}
	return 0
}

// keepOwner gives a new file the owner of the one that it replaces.
func keepOwner(existing, replacement string) error {
	info, err := os.Stat(existing)
	if err != nil {
		return err
	}
	s := stat(info)
	if s == nil || int(s.Uid) == os.Geteuid() && int(s.Gid) == os.Getegid() {
		return nil
	}
	if err := os.Chown(replacement, int(s.Uid), int(s.Gid)); err != nil {
		return fmt.Errorf("%s must keep its owner: run this as that user or as root: %w", existing, err)
	}
	return nil
}

// lockFile keeps other processes out until unlock is called, or the process ends.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close() // the other error says more
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = f.Close() }, nil // which unlocks
}
