package certificate

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// SerialNumber is the likeliest serial number, as it is kept, of one as others write it (ReadQuoted); "" for what is none.
func SerialNumber(text string) string {
	if q := ReadQuoted(text); len(q.Serials) > 0 {
		return q.Serials[0]
	}
	return ""
}

// BySerial returns the certificate that a CA issued with a serial number.
func (s *Service) BySerial(ctx context.Context, c *ca.CertificationAuthority, serial string) (*Certificate, error) {
	if err := s.Guard.RequireOn(ctx, rbac.CertificateBrowse, rbac.On{Partition: c.PartitionID, CA: c.ID}); err != nil {
		return nil, err
	}
	return s.bySerial(ctx, c, serial)
}

func (s *Service) bySerial(ctx context.Context, c *ca.CertificationAuthority, serial string) (*Certificate, error) {
	return s.quoted(ctx, c.PartitionID, c.ID, serial)
}

// StatusChange is what SetStatus does.
type StatusChange struct {
	To Status
	// Reason and InvalidityDate are those of a revocation.
	Reason         Reason
	InvalidityDate *time.Time
	Comment        string
	// Settled leaves a certificate that is in the status already as it is; else that is a conflict.
	Settled bool
}

// SetStatus brings the certificate with a serial number into a status: Revoke, Suspend or Unsuspend.
func (s *Service) SetStatus(ctx context.Context, c *ca.CertificationAuthority, serial string, to StatusChange) (*Certificate, error) {
	if err := s.Guard.RequireOn(ctx, rbac.CertificateChangeStatus, rbac.On{Partition: c.PartitionID, CA: c.ID}); err != nil {
		return nil, err
	}
	if err := checkComment(to.Comment); err != nil {
		return nil, err
	}
	found, err := s.bySerial(ctx, c, serial)
	if err != nil || to.Settled && found.Status == to.To {
		return found, err
	}
	var changed *Certificate
	switch to.To {
	case Revoked:
		changed, err = s.revoke(ctx, found.ID, to.Reason, to.InvalidityDate, to.Comment)
	case Suspended:
		changed, err = s.suspend(ctx, found.ID, nil, to.Comment)
	default:
		changed, err = s.release(ctx, found.ID, to.Comment)
	}
	if to.Settled && fault.Is(err, fault.Conflict) { // somebody else was faster
		if now, err2 := s.find(ctx, found.ID); err2 == nil && now.Status == to.To {
			return now, nil
		}
	}
	return changed, err
}

func checkComment(comment string) error { return text.Label("comment", comment, 0, 500) }

// MaxSerials bounds RevokeSerials.
const MaxSerials = 1000

// VerbRevokeSerials is the verb that an approval carries out: RevokeSerials.
const VerbRevokeSerials = "certificate.revoke-serials"

// RevokingSerials is what it is asked with.
type RevokingSerials struct {
	CAID    string
	Serials []string
	Reason  Reason
	Comment string `json:",omitzero"`
	// InvalidityDate is left out of certificates that begin later.
	InvalidityDate *time.Time `json:",omitzero"`
}

// RevokeSerials revokes certificates of one CA in one transaction, with one new CRL. The answer to each is nil, also
// where it was revoked before, or why it was not revoked; an error of the whole leaves all as they were.
func (s *Service) RevokeSerials(ctx context.Context, r RevokingSerials) (_ []error, err error) {
	c, err := s.CAs.Get(ctx, r.CAID)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.RequireOn(ctx, rbac.CertificateChangeStatus, rbac.On{Partition: c.PartitionID, CA: c.ID}); err != nil {
		return nil, err
	}
	defer s.Audit.Refusal(
		ctx, &err,
		&audit.Event{PartitionID: c.PartitionID, Action: "certificate.revoke", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier},
	)
	defer s.Approvals.Submit(ctx, &err)
	if n := len(r.Serials); n == 0 || n > MaxSerials {
		return nil, fault.New(fault.Invalid, "1 to %d serial numbers", MaxSerials).At("serialNumbers")
	}
	if _, ok := ReasonNames[r.Reason]; !ok {
		return nil, fault.New(fault.Invalid, "unknown revocation reason").At("reason")
	}
	if r.InvalidityDate != nil && r.InvalidityDate.After(s.Now()) {
		return nil, fault.New(fault.Invalid, "the invalidity date must not lie in the future").At("invalidityDate")
	}
	if err := checkComment(r.Comment); err != nil {
		return nil, err
	}
	serials := map[string]bool{}
	for _, text := range r.Serials {
		for _, serial := range ReadQuoted(text).Serials {
			serials[serial] = true
		}
	}
	var answers []error
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		answers = make([]error, len(r.Serials))
		if err := s.ask(ctx, c, r); err != nil {
			return err
		}
		if err := s.CAs.BumpStatus(ctx, c.ID); err != nil {
			return err
		}
		var rows []*Certificate
		if err := s.Store.DB(ctx).Select("id", "serial_number", "kind").Where(
			"ca_id = ? AND serial_number IN ?", c.ID, slices.Sorted(maps.Keys(serials)),
		).Find(&rows).Error; err != nil {
			return err
		}
		found := map[string]*Certificate{}
		for _, row := range rows {
			found[row.SerialNumber] = row
		}
		meant := func(text string) *Certificate {
			for _, serial := range ReadQuoted(text).Serials {
				if row := found[serial]; row != nil {
					return row
				}
			}
			return nil
		}
		var list []Revocation // of what is meant: digits may be read in two ways
		listed := map[string]bool{}
		for n, text := range r.Serials {
			switch row := meant(text); {
			case row == nil:
				answers[n] = rbac.NotFound()
			case row.Kind != Subscriber:
				answers[n] = fault.New(
					fault.PolicyRefused, "only certificates of subscribers are revoked many at a time",
				).Do("Revoke it by itself.")
			case !listed[row.ID]:
				listed[row.ID] = true
				list = append(
					list, Revocation{CertificateID: row.ID, Reason: r.Reason, InvalidityDate: r.InvalidityDate, Comment: r.Comment},
				)
			}
		}
		operation := "cagw"
		if a := rbac.ActorFrom(ctx); a != nil && a.RequestID != "" {
			operation = "request " + a.RequestID
		}
		revoked, _, err := s.revokeMany(ctx, c.PartitionID, operation, list)
		if err != nil {
			return err
		}
		if len(revoked) > 0 {
			if err := s.Jobs.Enqueue(ctx, PublishCRLJob, c.ID, s.Now(), nil); err != nil {
				return err
			}
		}
		return s.Approvals.Settle(ctx, c.ID)
	})
	return answers, err
}

func (s *Service) ask(ctx context.Context, c *ca.CertificationAuthority, r RevokingSerials) error {
	return s.Approvals.Ask(
		ctx,
		approval.Ask{
			PartitionID: c.PartitionID, Operation: approval.BulkRevoke, Verb: VerbRevokeSerials, Payload: r, ObjectKind: "ca",
			ObjectID: c.ID,
			Summary:  "revoke " + strconv.Itoa(len(r.Serials)) + " certificates of " + c.Identifier,
			Facts: []approval.Fact{
				{Name: "Issuer", Value: c.FriendlyName + " (" + c.Identifier + ")"},
				{Name: "Certificates", Value: strconv.Itoa(len(r.Serials))}, {Name: "Reason", Value: ReasonNames[r.Reason]},
			}})
}

// FeedAction is what happened to a certificate.
type FeedAction string

const (
	FeedIssued  FeedAction = "issued"
	FeedRevoked FeedAction = "revoked"
	FeedHeld    FeedAction = "held"
	FeedUnheld  FeedAction = "unheld"
)

var feedActions = map[string]FeedAction{
	"certificate.issue": FeedIssued, "ca.certify": FeedIssued, "ocsp-signer.issue": FeedIssued, "delegate.issue": FeedIssued,
	"certificate.revoke": FeedRevoked, "certificate.suspend": FeedHeld, "certificate.unsuspend": FeedUnheld}

// FeedEvent is a line of the history of a CA's inventory.
type FeedEvent struct {
	Sequence    int64
	Time        time.Time
	Action      FeedAction
	Reason      string // of a revocation, as in ReasonNames
	Summary     string
	Certificate *Certificate
}

// feedSlack is how much earlier the time of an event can be than that of the one before it: the time is that of the work,
// the place that of the commit.
const feedSlack = 10 * time.Minute

// Feed returns up to limit events of a CA's inventory from an instant on that come after the given sequence, oldest first.
// Sequences are given in the order of commits, under the lock of the audit chain: whoever goes on from the last one
// misses nothing and sees nothing twice. scanned is where to go on.
func (s *Service) Feed(
	ctx context.Context, c *ca.CertificationAuthority, start time.Time, after int64, limit int,
) (_ []FeedEvent, scanned int64, more bool, err error) {
	if err := s.Guard.RequireOn(ctx, rbac.CertificateBrowse, rbac.On{Partition: c.PartitionID, CA: c.ID}); err != nil {
		return nil, 0, false, err
	}
	if after == 0 && !start.IsZero() {
		if after, err = s.before(ctx, c.PartitionID, start.Add(-feedSlack)); err != nil {
			return nil, 0, false, err
		}
	}
	var rows []*audit.Event
	if err := s.Store.DB(ctx).Where(
		"ca_id = ? AND ca_id <> '' AND sequence > ? AND time >= ?", c.ID, after, start.UTC(),
	).Order("sequence").Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, 0, false, err
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	ids, scanned := []string{}, after
	for _, e := range rows {
		ids, scanned = append(ids, e.ObjectID), e.Sequence
	}
	var certificates []*Certificate
	if err := s.Store.DB(ctx).Select(
		"id", "serial_number", "der", "subject", "not_after",
	).Where("id IN ?", ids).Find(&certificates).Error; err != nil {
		return nil, 0, false, err
	}
	byID := map[string]*Certificate{}
	for _, c := range certificates {
		byID[c.ID] = c
	}
	events := make([]FeedEvent, 0, len(rows))
	for _, e := range rows {
		if byID[e.ObjectID] == nil || feedActions[e.Action] == "" {
			continue
		}
		reason, _ := e.Details["reason"].(string)
		events = append(events, FeedEvent{e.Sequence, e.Time, feedActions[e.Action], reason, e.Summary, byID[e.ObjectID]})
	}
	return events, scanned, more, nil
}

// before is a sequence of the partition before which nothing is younger than the instant, by halving: sequences have no gaps.
func (s *Service) before(ctx context.Context, partitionID string, at time.Time) (int64, error) {
	var last int64
	if err := s.Store.DB(ctx).Raw("SELECT sequence FROM audit_chains WHERE partition_id = ?", partitionID).Scan(&last).Error; err != nil {
		return 0, err
	}
	low, high := int64(0), last+1 // low is too old, high is not
	for high-low > 1 {
		middle := low + (high-low)/2
		var times []time.Time
		if err := s.Store.DB(ctx).Table("audit_events").Where(
			"partition_id = ? AND sequence = ?", partitionID, middle,
		).Pluck("time", &times).Error; err != nil {
			return 0, err
		}
		if len(times) == 0 {
			return 0, nil // from the beginning, then
		}
		if times[0].Before(at) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}
