package audit

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
)

// Filter narrows a list of events. The zero value selects all.
type Filter struct {
	Search   string // part of actor, object or summary, case-insensitive
	Action   string // prefix
	Result   Result
	ObjectID string
	// ConfigurationID of an enrollment protocol selects what came in through it and what was done to it.
	ConfigurationID string
	From, To        time.Time
}

// List returns a page of the partition's events, newest first.
func (l *Log) List(ctx context.Context, partitionID string, f Filter, p page.Request) (*page.Page[*Event], error) {
	if err := l.require(ctx, partitionID); err != nil {
		return nil, err
	}
	query := l.filtered(ctx, partitionID, f)
	total, err := l.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		after, err := strconv.ParseInt(p.After, 10, 64)
		if err != nil {
			return nil, page.BadCursor()
		}
		query = query.Where("sequence < ?", after)
	}
	var events []*Event
	if err := query.Order("sequence DESC").Limit(p.First + 1).Find(&events).Error; err != nil {
		return nil, err
	}
	if err := l.precede(ctx, partitionID, events); err != nil {
		return nil, err
	}
	return page.Of(events, p, total, func(e *Event) string { return strconv.FormatInt(e.Sequence, 10) }), nil
}

func (l *Log) filtered(ctx context.Context, partitionID string, f Filter) *gorm.DB {
	query := l.Store.DB(ctx).Model(&Event{})
	if f.ConfigurationID != "" {
		// Each half uses an index of its own. With OR, the database would read and sort all events.
		query = query.Table(`(SELECT * FROM audit_events WHERE partition_id = ? AND actor_kind = 'protocol' AND actor_id = ?
			UNION ALL SELECT * FROM audit_events WHERE object_id = ? AND NOT (actor_kind = 'protocol' AND actor_id = ?)) AS audit_events`,
			partitionID, f.ConfigurationID, f.ConfigurationID, f.ConfigurationID)
	}
	query = query.Where("partition_id = ?", partitionID)
	if f.Search != "" {
		like := page.Contains(f.Search)
		query = query.Where(
			"lower(actor_name) LIKE ? ESCAPE '\\' OR lower(object_name) LIKE ? ESCAPE '\\' OR lower(summary) LIKE ? ESCAPE '\\' OR "+
				"lower(action) LIKE ? ESCAPE '\\'",
			like, like, like, like,
		)
	}
	if f.Action != "" {
		query = query.Where("action LIKE ? ESCAPE '\\'", page.Prefix(strings.ToLower(f.Action)))
	}
	if f.Result != "" {
		query = query.Where("result = ?", f.Result)
	}
	if f.ObjectID != "" {
		query = query.Where("object_id = ?", f.ObjectID)
	}
	if !f.From.IsZero() {
		query = query.Where("time >= ?", f.From.UTC())
	}
	if !f.To.IsZero() {
		query = query.Where("time < ?", f.To.UTC())
	}
	return query
}

// Head returns the sequence number of the partition's newest event, or 0.
func (l *Log) Head(ctx context.Context, partitionID string) (int64, error) {
	if err := l.require(ctx, partitionID); err != nil {
		return 0, err
	}
	head, err := l.head(ctx, partitionID)
	return head.Sequence, err
}

// After returns up to 500 events with a higher sequence number, oldest first, for a resumed live stream. It checks the
// permission on each call.
func (l *Log) After(ctx context.Context, partitionID string, sequence int64) ([]*Event, error) {
	if err := l.require(ctx, partitionID); err != nil {
		return nil, err
	}
	var events []*Event
	if err := l.Store.DB(ctx).Where(
		"partition_id = ? AND sequence > ?", partitionID, sequence,
	).Order("sequence").Limit(500).Find(&events).Error; err != nil {
		return nil, err
	}
	return events, l.precede(ctx, partitionID, events)
}

// precede sets PreviousHash of the events.
func (l *Log) precede(ctx context.Context, partitionID string, events []*Event) error {
	hashes := make(map[int64][]byte, len(events)+1)
	for _, e := range events {
		hashes[e.Sequence] = e.Hash
	}
	var missing []int64
	for _, e := range events {
		if _, ok := hashes[e.Sequence-1]; !ok && e.Sequence > 1 {
			missing = append(missing, e.Sequence-1)
		}
	}
	for some := range slices.Chunk(missing, 500) {
		var before []*Event
		if err := l.Store.DB(ctx).Select("sequence", "hash").Find(
			&before, "partition_id = ? AND sequence IN ?", partitionID, some,
		).Error; err != nil {
			return err
		}
		for _, e := range before {
			hashes[e.Sequence] = e.Hash
		}
	}
	for _, e := range events {
		e.PreviousHash = hashes[e.Sequence-1]
	}
	return nil
}

// Verification is the result of recomputing a chain.
type Verification struct {
	Events   int64
	BrokenAt int64 // 0 if intact
	HeadHash []byte
	// Alarm is set if a head kept outside the database is not in the chain: its end was cut off or rewritten.
	Alarm *Alarm
}

// Intact tells whether the chain passed all checks.
func (v *Verification) Intact() bool { return v.BrokenAt == 0 && v.Alarm == nil }

// Verify recomputes the whole chain of a partition and finds gaps, altered events and missing events. If the end was
// cut off together with the row that stores the chain's end, only heads kept elsewhere reveal it (Heads).
func (l *Log) Verify(ctx context.Context, partitionID string) (*Verification, error) {
	if err := l.require(ctx, partitionID); err != nil {
		return nil, err
	}
	v := &Verification{HeadHash: []byte{}}
	if l.Heads != nil {
		var err error
		if v.Alarm, err = l.Heads.check(ctx, partitionID); err != nil {
			return nil, err
		}
	}
	// Read the newest event first, then the head: the head is never older, and events added meanwhile come after both.
	var newest []int64
	if err := l.Store.DB(ctx).Model(&Event{}).Where("partition_id = ?", partitionID).Order("sequence DESC").Limit(1).Pluck("sequence",
		&newest).Error; err != nil {
		return nil, err
	}
	head, err := l.head(ctx, partitionID)
	if err != nil {
		return nil, err
	}
	for v.Events < head.Sequence {
		var events []*Event
		if err := l.Store.DB(ctx).Where("partition_id = ? AND sequence > ? AND sequence <= ?", partitionID, v.Events, head.Sequence).
			Order("sequence").Limit(1000).Find(&events).Error; err != nil {
			return nil, err
		}
		if len(events) == 0 {
			v.BrokenAt = v.Events + 1
			return v, nil
		}
		for _, e := range events {
			hash := e.link(v.HeadHash)
			if e.Sequence != v.Events+1 || !bytes.Equal(hash, e.Hash) {
				v.BrokenAt = v.Events + 1
				return v, nil
			}
			v.Events, v.HeadHash = e.Sequence, hash
		}
	}
	switch {
	case !bytes.Equal(v.HeadHash, head.Hash):
		v.BrokenAt = max(v.Events, 1)
	case len(newest) > 0 && newest[0] > head.Sequence:
		v.BrokenAt = head.Sequence + 1 // events after the end of the chain
	}
	return v, nil
}

// head returns the end of a chain, or the zero value if the chain has no events.
func (l *Log) head(ctx context.Context, partitionID string) (chain, error) {
	var heads []chain
	if err := l.Store.DB(ctx).Find(&heads, "partition_id = ?", partitionID).Error; err != nil || len(heads) == 0 {
		return chain{}, err
	}
	return heads[0], nil
}

func (l *Log) require(ctx context.Context, partitionID string) error {
	if partitionID == PlatformChain {
		return l.Guard.Require(ctx, rbac.AuditBrowse, rbac.Platform)
	}
	return l.Guard.Require(ctx, rbac.AuditBrowse, partitionID)
}

// Each passes all matching events to yield, oldest first, reading a page at a time.
func (l *Log) Each(ctx context.Context, partitionID string, f Filter, yield func(*Event) error) error {
	for last := int64(0); ; {
		if err := l.require(ctx, partitionID); err != nil {
			return err
		}
		var events []*Event
		if err := l.filtered(ctx, partitionID, f).Where("sequence > ?",
			last).Order("sequence").Limit(1000).Find(&events).Error; err != nil {
			return err
		}
		if err := l.precede(ctx, partitionID, events); err != nil {
			return err
		}
		for _, e := range events {
			if err := yield(e); err != nil {
				return err
			}
			last = e.Sequence
		}
		if len(events) < 1000 {
			return nil
		}
	}
}
