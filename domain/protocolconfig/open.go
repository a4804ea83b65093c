package protocolconfig

import (
	"context"
	"errors"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// remembered is how long another server may go on with a configuration after it was changed here.
const remembered = 2 * time.Second

type opened struct {
	configuration Configuration
	gone          bool // the CAs of all its offerings are deleted
	at            time.Time
}

func address(partitionID, identifier string) string { return partitionID + "/" + identifier }

// ErrDisabled is the cause of the refusal of a configuration that serves again once it is enabled.
var ErrDisabled = errors.New("the configuration is disabled")

// Open returns the configuration that has an address, for the protocol that serves it: NotFound when there is none of
// the type, PolicyRefused when it is disabled or its CA is deleted. What it returns is at most two seconds old, and on
// the server that changed it not at all.
func (s *Service) Open(ctx context.Context, partitionID, identifier string, t TypeID) (*Configuration, error) {
	c, closed, err := s.OpenOrClosed(ctx, partitionID, identifier, t)
	if err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// OpenOrClosed is Open for protocols whose clients may go on reading and revoking what they have: closed tells why nothing new can
// be asked for.
func (s *Service) OpenOrClosed(ctx context.Context, partitionID, identifier string, t TypeID) (_ *Configuration, closed, err error) {
	key := address(partitionID, identifier)
	o, ok := s.open.Load(key)
	if !ok || s.Now().Sub(o.(*opened).at) >= remembered {
		fresh, err := s.look(ctx, partitionID, identifier)
		if err != nil {
			return nil, nil, err
		}
		if fresh == nil {
			s.open.Delete(key) // only what exists is remembered, so guesses fill nothing
			return nil, nil, rbac.NotFound()
		}
		s.open.Store(key, fresh)
		o = fresh
	}
	found := o.(*opened)
	c := found.configuration
	switch {
	case c.Type != t:
		return nil, nil, rbac.NotFound()
	case c.Status != Active:
		closed = fault.New(fault.PolicyRefused, "%s is %s", c.Identifier, text.Lower(c.Status)).Do(
			"Ask those who operate it to enable it.",
		).
			Because(ErrDisabled)
	case found.gone:
		closed = fault.New(fault.PolicyRefused, "the certification authority of %s is deleted", c.Identifier).
			Do("Ask those who operate it to choose another one.")
	}
	return &c, closed, nil
}

func (s *Service) look(ctx context.Context, partitionID, identifier string) (*opened, error) {
	var rows []struct {
		Configuration `gorm:"embedded"`
		Gone          bool
	}
	at := s.Now()
	err := s.Store.DB(ctx).Table("protocol_configurations AS p").
		Select(
			"p.*, NOT EXISTS (SELECT 1 FROM protocol_offerings o JOIN certification_authorities a ON a.id = o.ca_id WHERE "+
				"o.configuration_id = p.id AND a.deleted_at IS NULL AND a.purged_at IS NULL) AS gone",
		).
		Where("p.partition_id = ? AND p.identifier = ? AND p.deleted_at IS NULL", partitionID, identifier).Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if err := s.withOfferings(ctx, &rows[0].Configuration); err != nil {
		return nil, err
	}
	return &opened{configuration: rows[0].Configuration, gone: rows[0].Gone, at: at}, nil
}

// ByID returns a configuration whatever its state, for work that was begun while it served; not guarded.
func (s *Service) ByID(ctx context.Context, id string) (*Configuration, error) {
	var found []*Configuration
	if err := s.Store.DB(ctx).Find(&found, "id = ?", id).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.withOfferings(ctx, found[0])
}

// CurrentActor is the actor of work that outlives the request it was asked for in: Unauthenticated once the configuration is deleted,
// Unavailable while it is disabled.
func (s *Service) CurrentActor(ctx context.Context, id, name string) (*rbac.Actor, error) {
	c, err := s.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case c.DeletedAt != nil:
		return nil, fault.New(fault.Unauthenticated, "%s may no longer do this: it is deleted", name)
	case c.Status != Active:
		return nil, fault.New(fault.Unavailable, "%s is %s", c.Identifier, text.Lower(c.Status)).Because(ErrDisabled)
	}
	return s.Actor(c, "", ""), nil
}
