package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sqliteAddress returns the URI of a database file. It escapes special characters in the path.
func sqliteAddress(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	// synchronous=FULL: a commit is on disk before it is reported.
	settings := "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)" +
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-16384)&_time_format=sqlite"
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings}).String(), nil
}

// keepPrivate makes a database file readable only by its owner. It creates the file first, so that others can never
// read it. SQLite gives its journal the same mode.
func keepPrivate(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil {
			return fmt.Errorf("%s must be readable only by its owner: %w", name, err)
		}
	}
	return nil
}

// postgresAddress makes the TLS mode of a PostgreSQL address explicit. Network connections are encrypted and the
// server's certificate is verified unless the address says otherwise. libpq's default, sslmode=prefer, silently falls
// back to clear text.
func postgresAddress(address string, settings *pgx.ConnConfig) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	query := u.Query()
	mode := query.Get("sslmode")
	if mode == "" {
		mode = os.Getenv("PGSSLMODE")
	}
	switch mode {
	case "prefer", "allow":
		return "", fmt.Errorf(
			"sslmode=%s falls back to clear text silently: use sslmode=verify-full, or sslmode=disable on a network that you trust", mode,
		)
	case "":
		remote := !local(settings.Host)
		for _, other := range settings.Fallbacks {
			remote = remote || !local(other.Host)
		}
		mode = "disable"
		if remote {
			mode = "verify-full"
		}
		query.Set("sslmode", mode)
		u.RawQuery = query.Encode()
	}
	return u.String(), nil
}

// local tells whether a host is a socket directory or this machine.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}
