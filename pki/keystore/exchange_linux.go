package keystore

import "golang.org/x/sys/unix"

// exchange puts a new file in the place of an existing one, at once; it fails when there is none.
func exchange(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
}
