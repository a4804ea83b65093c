//go:build !unix

package keystore

import "os"

func ours(os.FileInfo) bool                        { return true }
func inode(os.FileInfo) uint64                     { return 0 }
func keepOwner(existing, replacement string) error { return nil }

// lockFile does nothing here: rotate and restore from one process at a time.
func lockFile(string) (func(), error) { return func() {}, nil }
