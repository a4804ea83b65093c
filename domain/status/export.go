package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/job"
)

// ExportJob copies the newest lists of a CA to every destination; key: CA id.
const ExportJob = "crl.export"

// Destination is a place beside this server that lists are copied to.
type Destination interface {
	// Put makes content what is found under the name, all at once, unless a list with the same or a higher number is
	// there. The name has '/' in it.
	Put(ctx context.Context, name string, l *CRL, content io.Reader) error
	// Get reads what is found under the name, nil when nothing is.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
}

// Export is the job that copies the newest lists of a CA to every destination.
func (s *Service) Export(ctx context.Context, claim *job.Claim) error {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	keys, err := s.signers(ctx, c)
	if err != nil {
		return err
	}
	var lists []copied
	for _, seen := range keys {
		found, err := s.Lists(ctx, seen)
		if err != nil {
			return err
		}
		for _, l := range found {
			lists = append(lists, copied{c.PartitionID + "/" + seen.PublicName() + "/" + ca.CRLFile(l.Shard, l.Delta()), l})
		}
	}
	// At the same time, so that a destination that does not answer keeps nothing from the others.
	failures := make([]error, len(s.Destinations))
	var copying sync.WaitGroup
	for n, d := range s.Destinations {
		copying.Go(func() { failures[n] = s.copyTo(ctx, d, lists) })
	}
	copying.Wait()
	return errors.Join(failures...)
}

// copied is a list and the name that destinations have it under.
type copied struct {
	name string
	list *CRL
}

func (s *Service) copyTo(ctx context.Context, d Destination, lists []copied) error {
	for _, l := range lists {
		if err := d.Put(ctx, l.name, l.list, s.open(ctx, l.list)); err != nil {
			return fmt.Errorf("copying %s: %w", l.name, err)
		}
	}
	return nil
}

// Directory is a folder that a web server or a mirror serves.
type Directory string

func (d Directory) Put(ctx context.Context, name string, l *CRL, content io.Reader) error {
	file := filepath.Join(string(d), filepath.FromSlash(name))
	// Beside the list stands its number: another server may be faster, and what it wrote must not become older.
	mark := file + ".number"
	if text, err := os.ReadFile(mark); err == nil {
		var there int64
		if _, err := fmt.Fscan(bytes.NewReader(text), &there); err == nil && there >= l.Number {
			return nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := replace(file, content); err != nil {
		return err
	}
	return replace(mark, bytes.NewReader(fmt.Appendln(nil, l.Number)))
}

func (d Directory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(string(d), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// replace has a file hold the old content or the new one, never a part of it, even if the machine stops.
func replace(file string, content io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // renamed by then, unless something failed
	_, err = io.Copy(f, content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
