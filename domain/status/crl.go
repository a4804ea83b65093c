package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
)

const (
	// partSize is how much of a list lies in one row, bytes.
	partSize = 1 << 20
	// Of each list, so many stay in the database; of large ones fewer.
	keptCRLs, keptLarge, largeList = 5, 2, 4 << 20
	// orphaned is how old parts are that no list will claim any more.
	orphaned = time.Hour
)

// CRL is a published list, without its octets.
type CRL struct {
	ID   string `gorm:"primaryKey"`
	CAID string `gorm:"column:ca_id"`
	// KeyGeneration is the CA's key that signed it. Each key that the CA has had signs lists of all that the CA revoked,
	// under addresses of its own: by RFC 5280 6.3.3 a verifier may take any, whichever key signed the certificate.
	KeyGeneration int64
	Shard         int64 // 0: the list of the CA
	BaseNumber    int64 // of the complete CRL that a delta CRL adds to; 0: it is complete
	Number        int64
	Entries       int64
	Bytes         int64     // length of the DER
	SHA256        []byte    `gorm:"column:sha256"` // of the DER
	Content       []byte    // hash of all that it says but its number and dates; nil: not known
	Scope         string    // address in its issuing distribution point; "": it lists all of the CA
	ThisUpdate    time.Time // as it says
	NextUpdate    time.Time
	MadeAt        time.Time // by the clock of the server, which may have stood wrong
	StatusVersion int64     // of the CA: it says all changes of status up to it; -1: not known
}

func (CRL) TableName() string { return "crl_lists" }

// Delta tells whether it only says what changed.
func (l *CRL) Delta() bool { return l.BaseNumber > 0 }

type part struct {
	ListID    string `gorm:"primaryKey"`
	Part      int64  `gorm:"primaryKey;autoIncrement:false"`
	DER       []byte `gorm:"column:der"`
	WrittenAt time.Time
}

func (part) TableName() string { return "crl_parts" }

// slot is what lists follow each other in.
type slot struct {
	generation int64
	shard      int64
	delta      bool
}

func (l *CRL) slot() slot { return slot{l.KeyGeneration, l.Shard, l.Delta()} }

// all returns the lists of a CA, oldest first.
func (s *Service) all(ctx context.Context, caIDs ...string) (lists []*CRL, err error) {
	return lists, s.Store.DB(ctx).Where("ca_id IN ?", caIDs).Order("number, shard, base_number").Find(&lists).Error
}

func (s *Service) newest(ctx context.Context, caID string) (map[slot]*CRL, error) {
	lists, err := s.all(ctx, caID)
	newest := map[slot]*CRL{}
	for _, l := range lists {
		newest[l.slot()] = l
	}
	return newest, err
}

// Latest returns the newest complete CRL of each of the given CAs, signed by the key that it issues with.
func (s *Service) Latest(ctx context.Context, caIDs []string) (map[string]*CRL, error) {
	var lists []*CRL
	err := s.Store.DB(ctx).Where("ca_id IN ? AND shard = 0 AND base_number = 0", caIDs).
		Where(
			"key_generation = (SELECT c.key_generation FROM certification_authorities c WHERE c.id = crl_lists.ca_id)",
		).Order("number").Find(&lists).Error
	latest := map[string]*CRL{}
	for _, l := range lists {
		latest[l.CAID] = l
	}
	return latest, err
}

// Lists returns everything that is served for a CA, seen with one of its keys, that was asked for: each newest list, by
// shard, complete before delta.
func (s *Service) Lists(ctx context.Context, c *ca.CertificationAuthority) ([]*CRL, error) {
	newest, err := s.newest(ctx, c.ID)
	lists := []*CRL{}
	for shard := int64(0); shard <= c.CRLShardLast; shard++ {
		for _, delta := range []bool{false, true} {
			if l := newest[slot{c.KeyGeneration, shard, delta}]; l != nil {
				lists = append(lists, l)
			}
		}
	}
	return lists, err
}

// lay writes the octets of a list that is yet to be recorded.
func (s *Service) lay(ctx context.Context, id string, der []byte) error {
	now := s.Now()
	for n := 0; len(der) > 0; n++ {
		size := min(partSize, len(der))
		// Each part by itself: other writers get their turn in between.
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			return s.Store.DB(ctx).Create(&part{id, int64(n), der[:size], now}).Error
		}); err != nil {
			return err
		}
		der = der[size:]
	}
	return nil
}

// sweep removes lists that newer ones have replaced, and parts that belong to none.
func (s *Service) sweep(ctx context.Context, caID string) error {
	s.served.publications.Add(1)
	lists, err := s.all(ctx, caID)
	if err != nil {
		return err
	}
	s.archivePublished(ctx, caID, lists)
	kept := map[slot]int{}
	var old []string
	for n := len(lists) - 1; n >= 0; n-- {
		l, most := lists[n], keptCRLs
		if l.Bytes > largeList {
			most = keptLarge
		}
		if kept[l.slot()]++; kept[l.slot()] > most {
			old = append(old, l.ID)
		}
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if len(old) > 0 {
			if err := s.Store.DB(ctx).Delete(&CRL{}, "id IN ?", old).Error; err != nil {
				return err
			}
			if err := s.Store.DB(ctx).Delete(&part{}, "list_id IN ?", old).Error; err != nil {
				return err
			}
		}
		return s.Store.DB(ctx).Delete(
			&part{}, "written_at < ? AND NOT EXISTS (SELECT 1 FROM crl_lists l WHERE l.id = crl_parts.list_id)", s.Now().Add(-orphaned),
		).Error
	})
}

// open reads a list part by part.
func (s *Service) open(ctx context.Context, l *CRL) io.ReadSeeker {
	return &reader{s: s, ctx: ctx, list: l, at: -1}
}

type reader struct {
	s      *Service
	ctx    context.Context
	list   *CRL
	offset int64
	at     int64  // which part is loaded; -1: none
	loaded []byte // octets of that part
	whole  bool   // the list is one part, as before lists were laid in parts
}

func (r *reader) Read(b []byte) (int, error) {
	if r.offset >= r.list.Bytes {
		return 0, io.EOF
	}
	n := r.offset / partSize
	if r.at != n && !r.whole {
		var parts []part
		if err := r.s.Store.DB(r.ctx).Where("list_id = ? AND part = ?", r.list.ID, n).Find(&parts).Error; err != nil {
			return 0, err
		}
		if len(parts) == 0 {
			return 0, fmt.Errorf("CRL %d is gone: %w", r.list.Number, io.ErrUnexpectedEOF)
		}
		r.at, r.loaded = n, parts[0].DER
		r.whole = n == 0 && int64(len(r.loaded)) == r.list.Bytes
	}
	within := r.offset - r.at*partSize
	if within >= int64(len(r.loaded)) {
		return 0, io.ErrUnexpectedEOF
	}
	copied := copy(b, r.loaded[within:])
	r.offset += int64(copied)
	return copied, nil
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.offset
	case io.SeekEnd:
		offset += r.list.Bytes
	}
	if offset < 0 {
		return 0, errors.New("before the beginning")
	}
	r.offset = offset
	return offset, nil
}
