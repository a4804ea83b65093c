package testbed

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Cluster is a PostgreSQL server of its own, which a test stops and starts.
type Cluster struct {
	URL  string
	dir  string
	bin  string
	port string
	as   *syscall.Credential // PostgreSQL does not run as root
}

// ErrNoPostgres says that the server is not installed.
var ErrNoPostgres = errors.New("PostgreSQL is missing: install its server (Debian: apt-get install postgresql)")

// NewCluster makes one in a directory of its own, and starts it.
func NewCluster() (*Cluster, error) {
	c := &Cluster{}
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin"); err == nil && len(found) > 0 {
		c.bin = slices.Max(found)
	} else if initdb, err := exec.LookPath("initdb"); err == nil {
		c.bin = filepath.Dir(initdb)
	} else {
		return nil, ErrNoPostgres
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, c.port, err = net.SplitHostPort(l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "pkiaas-cluster-"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			if u, err = user.Lookup("nobody"); err != nil {
				return nil, err
			}
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	if err := c.run("initdb", "-D", filepath.Join(c.dir, "data"), "-U", "pkiaas", "-A", "trust", "--no-locale", "-E", "UTF8"); err != nil {
		return nil, err
	}
	c.URL = "postgres://pkiaas@127.0.0.1:" + c.port + "/postgres?sslmode=disable"
	return c, c.Start()
}

func (c *Cluster) run(name string, args ...string) error {
	command := exec.Command(filepath.Join(c.bin, name), args...)
	command.Dir = c.dir
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	// To a file: the server that pg_ctl starts would keep a pipe open.
	log, err := os.OpenFile(filepath.Join(c.dir, "out"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(log.Name()) // for people
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

func (c *Cluster) control(args ...string) error {
	return c.run("pg_ctl", append([]string{"-D", filepath.Join(c.dir, "data"), "-w"}, args...)...)
}

// Start starts it and returns once it answers.
func (c *Cluster) Start() error {
	return c.control(
		"-l", filepath.Join(c.dir, "log"), "-o",
		"-p "+c.port+" -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories="+c.dir, "start",
	)
}

// Stop ends it, and all connections to it.
func (c *Cluster) Stop() error { return c.control("-m", "fast", "stop") }

// ReadOnly makes it refuse writes, as after a failover to a standby, or accept them again.
func (c *Cluster) ReadOnly(on bool) error {
	return c.run(
		"psql", c.URL, "-c", fmt.Sprintf("ALTER SYSTEM SET default_transaction_read_only = %t", on), "-c", "SELECT pg_reload_conf()",
	)
}

// Remove ends it and removes its files.
func (c *Cluster) Remove() {
	_ = c.control("-m", "immediate", "stop") // it may have been stopped
	_ = os.RemoveAll(c.dir)
}
