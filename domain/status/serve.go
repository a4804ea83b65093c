package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
)

const (
	// keptServed bounds how many lists and certificates are remembered, and freshServed for how long.
	keptServed, freshServed = 20_000, time.Second
	// awayFor is how long no request waits for a database that has just not answered.
	awayFor = 4 * time.Second
)

// served is what strangers asked for a moment ago, so that asking again costs no query.
type served struct {
	once         sync.Once
	known        *otter.Cache[string, *found] // by PARTITION/CA/FILE; only what exists
	asking       singleflight.Group
	publications atomic.Int64 // of this server: what was found before one is looked for again
	askAgain     atomic.Int64 // the time on the wall, after the database was away
}

// away tells that the database has just not answered.
func (s *served) away() bool { return time.Now().UnixNano() < s.askAgain.Load() }

// heard notes whether the database answered.
func (s *served) heard(err error) {
	switch {
	case fault.Is(err, fault.Unavailable):
		s.askAgain.Store(time.Now().Add(awayFor).UnixNano())
	case err == nil:
		s.askAgain.Store(0)
	}
}

// found is a list, the certificate of a CA, or the CA.
type found struct {
	list        *CRL
	der         []byte
	ca          *ca.CertificationAuthority
	begin       time.Time
	at          time.Time // on the wall
	publication int64
}

var fileRule = regexp.MustCompile(`^(?:(?:shard-([1-9][0-9]{0,3})(-delta)?)|(crl)|(delta))\.crl$`)

// find looks for something once for all who ask at the same time. When the database is away it returns what was found
// last, if anything, and an UNAVAILABLE.
func (s *Service) find(ctx context.Context, name string, look func(context.Context) (*found, error)) (*found, error) {
	s.served.once.Do(func() {
		s.served.known = otter.Must(&otter.Options[string, *found]{MaximumSize: keptServed})
	})
	now, publication := time.Now(), s.served.publications.Load()
	last, had := s.served.known.GetIfPresent(name)
	if had && last.publication == publication && now.Sub(last.at) < freshServed {
		return last, nil
	}
	if s.served.away() {
		return last, away(nil)
	}
	if !had {
		done, err := s.costly(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	f, err, _ := s.served.asking.Do(fmt.Sprint(publication, " ", name), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		f, err := look(ctx)
		s.served.heard(err)
		switch {
		case err == nil:
			f.at, f.publication = now, publication
			s.served.known.Set(name, f)
		case fault.Is(err, fault.NotFound):
			s.served.known.Invalidate(name)
		}
		return f, err
	})
	if err != nil {
		return last, err
	}
	return f.(*found), nil
}

// findList looks for the newest list of a kind.
func (s *Service) findList(ctx context.Context, name string, c *ca.CertificationAuthority, shard int64, delta bool) (*found, error) {
	return s.find(ctx, name, func(ctx context.Context) (*found, error) {
		query := s.Store.DB(ctx).Where("ca_id = ? AND key_generation = ? AND shard = ?", c.ID, c.KeyGeneration, shard)
		if delta {
			query = query.Where("base_number > 0")
		} else {
			query = query.Where("base_number = 0")
		}
		var lists []*CRL
		if err := query.Order("number DESC").Limit(1).Find(&lists).Error; err != nil {
			return nil, err
		}
		if len(lists) == 0 {
			return nil, fault.New(fault.NotFound, "%s has no such CRL", text.Quote(c.Identifier))
		}
		return &found{list: lists[0]}, nil
	})
}

// notNow tells that something may be there, and cannot be looked for.
func notNow(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.TooManyRequests)
}

// CRL returns a list of a CA by the last part of its address (`crl.crl`, `delta.crl`, `shard-3.crl`,
// `shard-3-delta.crl`) and what it reads as, to anyone. While the database is away it is the last one published.
func (s *Service) CRL(ctx context.Context, partitionID, identifier, file string) (*CRL, io.ReadSeekCloser, error) {
	missing := fault.New(fault.NotFound, "%s has no such CRL", text.Quote(identifier))
	m := fileRule.FindStringSubmatch(file)
	if m == nil {
		return nil, nil, missing
	}
	name := partitionID + "/" + identifier + "/" + file
	shard, _ := strconv.ParseInt(m[1], 10, 64) // "" is 0, and the rule admits nothing else
	// A CA is looked up for all its lists, so that guessing at shards costs no query.
	authority, err := s.find(ctx, partitionID+"/"+identifier, func(ctx context.Context) (*found, error) {
		c, err := s.CAs.Lookup(ctx, partitionID, identifier)
		if err != nil {
			return nil, err
		}
		return &found{ca: c}, nil
	})
	if err == nil && shard > authority.ca.CRLShardLast {
		return nil, nil, missing
	}
	var f *found
	if err == nil {
		f, err = s.findList(ctx, name, authority.ca, shard, m[2]+m[4] != "")
	}
	if notNow(err) {
		if list, content, missing := (Stored{s.Archive, s.Now}).CRL(ctx, partitionID, identifier, file); missing == nil {
			return list, content, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	kept, err := s.Archive.get(name)
	if err == nil && kept != nil {
		if kept.List != nil && kept.List.ID == f.list.ID && s.Archive.whole(kept) {
			return kept.List, kept, nil
		}
		_ = kept.Close() // it was only read
	}
	// From the archive, which also costs the database least. Where it cannot be written, from the database.
	if s.archiveList(ctx, name, f.list) == nil {
		if kept, err := s.Archive.get(name); err == nil && kept != nil {
			if kept.List != nil && kept.List.ID == f.list.ID {
				return kept.List, kept, nil
			}
			_ = kept.Close() // it was only read
		}
	}
	return f.list, keptOpen{s.open(ctx, f.list)}, nil
}

type keptOpen struct{ io.ReadSeeker }

func (keptOpen) Close() error { return nil }

func (s *Service) archiveList(ctx context.Context, name string, l *CRL) error {
	if s.Archive == nil {
		return errors.New("there is no archive")
	}
	done, err := s.costly(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err, _ = s.served.asking.Do(l.ID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*askTimeout)
		defer cancel()
		return nil, s.Archive.put(header{Name: name, SHA256: l.SHA256, List: l, Begin: l.ThisUpdate, End: l.NextUpdate}, s.open(ctx, l))
	})
	return err
}

// Certificate returns the certificate of a CA and when it begins, to anyone.
func (s *Service) Certificate(ctx context.Context, partitionID, identifier string) ([]byte, time.Time, error) {
	name := partitionID + "/" + identifier + certificateName
	f, err := s.find(ctx, name, func(ctx context.Context) (*found, error) {
		c, err := s.CAs.Lookup(ctx, partitionID, identifier)
		if err != nil {
			return nil, err
		}
		if c.Certificate == nil {
			return nil, fault.New(fault.NotFound, "the certification authority has no certificate yet")
		}
		s.archiveCertificate(c)
		return &found{der: c.Certificate, begin: *c.NotBefore}, nil
	})
	if notNow(err) && f != nil {
		return f.der, f.begin, nil
	}
	if notNow(err) {
		if der, begin, missing := (Stored{s.Archive, s.Now}).Certificate(ctx, partitionID, identifier); missing == nil {
			return der, begin, nil
		}
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return f.der, f.begin, nil
}
