//go:build !linux

package keystore

import "os"

// exchange puts a new file in the place of an existing one; it fails when there is none.
func exchange(from, to string) error {
	if _, err := os.Stat(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}
