package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
)

const (
	publishJob = certificate.PublishCRLJob
	// tries is how often a publication is begun anew because another server was faster.
	tries = 6
	// heldRetry is how soon a publication that was held back is tried again.
	heldRetry = time.Minute
	// rest is how long nothing is published after a list of 100,000 entries was, so that many changes of a large CA do
	// not become as many lists.
	rest = 5 * time.Second
)

// publication is one run: all lists that are due bear the same number.
type publication struct {
	complete bool   // all lists, and not only those that say something new or are due
	accept   string // why a list is published although a check speaks against it; "": it is not
	settle   func(ctx context.Context, next time.Time) error
}

// PublishNow publishes all lists out of turn, for those who run the CA.
func (s *Service) PublishNow(ctx context.Context, caID string) (*ca.CertificationAuthority, error) {
	if _, err := s.listed(ctx, caID); err != nil {
		return nil, err
	}
	if err := s.Publish(ctx, caID); err != nil {
		return nil, err
	}
	return s.CAs.Get(ctx, caID)
}

// AcceptHeld publishes what was held back, on the word of a person who knows why entries are gone or the number fell.
func (s *Service) AcceptHeld(ctx context.Context, caID, reason string) (_ *ca.CertificationAuthority, err error) {
	c, err := s.listed(ctx, caID)
	if err != nil {
		return nil, err
	}
	defer s.Audit.Refusal(
		ctx, &err,
		&audit.Event{PartitionID: c.PartitionID, Action: "crl.accept", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier},
	)
	if err := text.Label("reason", reason, 1, 500); err != nil {
		return nil, err
	}
	if c.CRLAlarm == "" {
		return nil, fault.New(fault.Conflict, "no CRL of %s is held back", c.Identifier).At("caId")
	}
	if AlarmOf(c) == KeyAway {
		return nil, fault.New(fault.Conflict, "there is nothing to accept: %s", c.CRLAlarm).At("caId").Do(
			"Bring the key store back; the lists follow by themselves.",
		)
	}
	if err := s.publish(ctx, caID, publication{complete: true, accept: reason, settle: s.enqueued(caID)}); err != nil {
		return nil, err
	}
	return s.CAs.Get(ctx, caID)
}

// Publish makes the next CRLs of a CA, and sees to it that others follow in time.
func (s *Service) Publish(ctx context.Context, caID string) error {
	return s.publish(ctx, caID, publication{complete: true, settle: s.enqueued(caID)})
}

func (s *Service) enqueued(caID string) func(context.Context, time.Time) error {
	return func(ctx context.Context, next time.Time) error {
		return s.Jobs.Enqueue(ctx, publishJob, caID, next, nil)
	}
}

// PublishJob is the job that publishes CRLs daily, and at once after a change of status.
func (s *Service) PublishJob(ctx context.Context, claim *job.Claim) error {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	if !c.CRLEnabled || c.Certificate == nil || c.PurgedAt != nil || c.StatusAt(s.Now()) == ca.Expired {
		return nil // nobody reads it any more
	}
	settle := func(ctx context.Context, next time.Time) error {
		claim.Again(next)
		return claim.Done(ctx)
	}
	newest, err := s.newest(ctx, c.ID)
	if err != nil {
		return err
	}
	if last := newest[slot{generation: c.KeyGeneration}]; last != nil && !c.CRLDelta && !c.CRLStale {
		// Made in the future: the clock was put back, and nobody is to wait until it is there again.
		if next := last.MadeAt.Add(time.Duration(last.Entries/100_000) * rest); next.After(s.Now()) && !last.MadeAt.After(s.Now()) {
			return s.Store.Tx(ctx, func(ctx context.Context) error { return settle(ctx, next) })
		}
	}
	err = s.publish(ctx, c.ID, publication{settle: settle})
	var h *held
	if errors.As(err, &h) {
		return s.Store.Tx(ctx, func(ctx context.Context) error { return settle(ctx, s.Now().Add(heldRetry)) })
	}
	return err
}

// held is why a publication does not take place.
type held struct{ reason string }

func (h *held) Error() string { return h.reason }

func (h *held) fault(c string) error {
	return fault.New(fault.Conflict, "the CRL of %s is held back: %s", c, h.reason).At("caId").Because(h).
		Do(
			"The list before goes on being served. Find out why in the audit log and the database; if it is right as it is, accept it " +
				"with a reason.",
		)
}

var errOvertaken = fault.New(
	fault.Conflict, "another server published a CRL meanwhile, or the certification authority was changed",
).Do("Repeat the request.")

func keyUnavailable(c *ca.CertificationAuthority, err error) error {
	return fault.New(fault.Unavailable, "the key of %s cannot be used at the moment", c.Identifier).
		Do("Repeat the request later; what was signed before goes on being served.").Because(err)
}

func (s *Service) publish(ctx context.Context, caID string, p publication) error {
	// Two at a time would overtake each other, and need the memory twice. Between servers the number decides.
	lock, _ := s.publishing.LoadOrStore(caID, &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	for attempt := 1; ; attempt++ {
		c := &ca.CertificationAuthority{}
		if err := s.Store.DB(ctx).Take(c, "id = ?", caID).Error; err != nil {
			return err
		}
		err := s.publishOnce(ctx, c, p)
		var h *held
		if errors.As(err, &h) {
			if err := s.Store.Tx(ctx, func(ctx context.Context) error { return s.alarm(ctx, c, h.reason) }); err != nil {
				return err
			}
			return h.fault(c.Identifier)
		}
		if err != error(errOvertaken) || attempt == tries {
			return err
		}
	}
}

// alarm records, in the transaction of ctx, that a CRL is held back, once for each reason; "" ends the alarm.
func (s *Service) alarm(ctx context.Context, c *ca.CertificationAuthority, reason string) error {
	of := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where("id = ? AND crl_alarm <> ?", c.ID, reason)
	if reason == "" { // and not one that another server has raised meanwhile
		return of.Where("crl_alarm = ?", c.CRLAlarm).Updates(map[string]any{"crl_alarm": "", "crl_alarm_at": nil}).Error
	}
	set := of.Updates(map[string]any{"crl_alarm": reason, "crl_alarm_at": s.Now()})
	if set.Error != nil || set.RowsAffected == 0 {
		return set.Error
	}
	event := audit.Event{
		PartitionID: c.PartitionID, Action: "crl.hold", Result: audit.Failed, ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
		Summary: "held back a CRL of " + c.Identifier + ": " + reason}
	if strings.HasPrefix(reason, clockBehind) {
		event.Action, event.Summary = "crl.clock", "Published a CRL of "+c.Identifier+" although "+reason+"."
		s.logger().Error("the clock is behind", "ca", c.Identifier, "reason", reason)
	}
	s.Audit.Record(ctx, event)
	return nil
}

func (s *Service) publishOnce(ctx context.Context, c *ca.CertificationAuthority, p publication) error {
	newest, err := s.newest(ctx, c.ID)
	if err != nil {
		return err
	}
	now := s.Now().Truncate(time.Second)
	number, latest := s.number(c, newest)
	if p.accept != "" {
		latest = time.Time{} // the clock is right, and the lists before were dated wrong
	}
	base, last := newest[slot{generation: c.KeyGeneration}], c.CRLShardLast
	if c.CRLShards > 0 {
		last = max(last, c.CRLShardFirst+c.CRLShards-1)
	}
	complete := p.complete || !c.CRLDelta || c.CRLStale || last != c.CRLShardLast || base == nil || base.StatusVersion < 0 ||
		!within(now, base.MadeAt, s.CRLInterval)
	b := &build{s: s, c: c, number: number, now: now, latest: latest, newest: newest, away: map[int64]string{}}
	if err := b.plan(ctx, last); err != nil {
		return err
	}
	// A delta CRL to a base of another publication would not say what happened between the two.
	complete = complete || slices.ContainsFunc(
		b.wanted, func(w wanted) bool { l := newest[w.slot]; return l == nil || l.Number != base.Number },
	)
	if complete {
		if err := b.count(ctx); err != nil {
			return err
		}
	}
	if err := b.lists(ctx, complete); err != nil {
		return err
	}
	for _, l := range b.order {
		l.row.Content = l.builder.Content()
	}
	// An alarm is not ended by leaving the list alone that it is about.
	all := p.complete || c.CRLStale || c.CRLDelta && complete || AlarmOf(c) == Held
	for _, l := range b.order {
		if !all && b.unchanged(l) || b.away[l.generation] != "" {
			continue
		}
		list, err := b.sign(ctx, l, p.accept != "")
		switch {
		case err == nil:
			b.made = append(b.made, list)
		case b.spare(l.signer.CertificationAuthority) && errors.Is(err, errKeyAway):
			b.away[l.generation] = l.signer.KeyStore
		default:
			return err
		}
	}
	if err := s.Store.Tx(ctx, func(ctx context.Context) error { return b.record(ctx, complete, last, p) }); err != nil {
		return err
	}
	return s.sweep(ctx, c.ID)
}

// errKeyAway is why a list of one key waits.
var errKeyAway = errors.New("the key cannot be used at the moment")

// spare tells whether the lists of the others can be published without those of the key that v shows: it is one of
// before. Without lists of the key that the CA issues with, or is about to, certificates could name lists that are not
// there.
func (b *build) spare(v *ca.CertificationAuthority) bool { return v.KeyGeneration < b.c.KeyGeneration }

// notice is what there is to say though lists are published: the clock is behind, and which keys have to wait; "" for
// nothing.
func (b *build) notice() string {
	var parts []string
	end := ""
	if behind := b.latest.Sub(b.now); behind > b.s.ClockSkew {
		dated := " behind the newest CRL, which is dated " + b.latest.UTC().Format(time.RFC3339)
		part := clockBehind + behind.String() + dated
		// One alarm and not one for each list: the difference stays that of the beginning.
		if before, _, found := strings.Cut(b.c.CRLAlarm, dated); found && strings.HasPrefix(before, clockBehind) {
			part = before + dated
		}
		parts, end = append(parts, part), othersPublishedOn
	}
	for _, generation := range slices.Sorted(maps.Keys(b.away)) {
		parts = append(
			parts,
			fmt.Sprintf("key %d of %s, in the key store %s, cannot be used at the moment", generation, b.c.Identifier, b.away[generation]),
		)
		end = othersPublished
	}
	return strings.Join(parts, "; ") + end
}

// How alarms begin and end that are not about what a list says: the lists are published.
const (
	othersPublished   = ": its lists wait, those of the other keys are published"
	othersPublishedOn = ": its lists are published with that date"
	clockBehind       = "the clock of the server is "
)

// Alarm is the kind of an alarm at the CRLs of a CA.
type Alarm string

const (
	NoAlarm     Alarm = ""
	Held        Alarm = "HELD"         // nothing is published until it is repaired or a person accepts
	KeyAway     Alarm = "KEY_AWAY"     // the lists of an earlier key wait for it, the others are published
	ClockBehind Alarm = "CLOCK_BEHIND" // published with the date of the list before; a person may say that the clock is right
)

// AlarmOf tells which alarm a CA has.
func AlarmOf(c *ca.CertificationAuthority) Alarm {
	switch {
	case c.CRLAlarm == "":
		return NoAlarm
	case strings.HasPrefix(c.CRLAlarm, clockBehind):
		return ClockBehind
	case strings.HasSuffix(c.CRLAlarm, othersPublished):
		return KeyAway
	}
	return Held
}

// unchanged tells whether the list before says the same, and its time is not over.
func (b *build) unchanged(d *draft) bool {
	before := b.newest[d.slot]
	return before != nil && bytes.Equal(before.Content, d.row.Content) && within(b.now, before.MadeAt, b.s.interval(d.delta))
}

// within tells whether less than an interval lies between now and the time at which a list was made, on either side: one
// from the far future was made by a clock that was wrong.
func within(now, made time.Time, interval time.Duration) bool { return now.Sub(made).Abs() < interval }

// interval is how long after a list the next one follows, whether something changed or not.
func (s *Service) interval(delta bool) time.Duration {
	if delta {
		return s.CRLInterval / 4
	}
	return s.CRLInterval
}

// next is when the first of the lists that are served now has had its time.
func (b *build) next() time.Time {
	served := map[slot]time.Time{}
	for _, w := range b.wanted {
		for _, delta := range []bool{false, true} {
			at := w.slot
			if at.delta = delta; b.newest[at] != nil && (!delta || b.c.CRLDelta) {
				served[at] = b.newest[at].MadeAt
			}
		}
	}
	for _, l := range b.made {
		served[l.slot()] = b.s.Now().Add(-time.Second)
	}
	first := b.s.Now().Add(b.s.CRLInterval)
	if len(b.away) > 0 {
		first = b.s.Now().Add(heldRetry)
	}
	for at, since := range served {
		// The second of thisUpdate had begun by then.
		if due := since.Add(time.Second + b.s.interval(at.delta)); b.away[at.generation] == "" && due.Before(first) {
			first = due
		}
	}
	return first
}

// number is the next one, and the latest date that a list bears. The number is beyond all that were published, and at
// least the milliseconds since 1970: a database that is brought back from a backup does not know what it published since,
// and must not give out a number a second time (docs/decisions/0010).
func (s *Service) number(c *ca.CertificationAuthority, newest map[slot]*CRL) (number int64, latest time.Time) {
	number = max(c.CRLNumber+1, s.Now().UnixMilli())
	for _, l := range newest {
		number = max(number, l.Number+1)
		if l.ThisUpdate.After(latest) {
			latest = l.ThisUpdate
		}
	}
	return number, latest
}

func decimal(n int64) string { return big.NewInt(n).String() }

// record makes the lists the newest ones: from here on they are served.
func (b *build) record(ctx context.Context, complete bool, last int64, p publication) error {
	s, c := b.s, b.c
	if err := s.alarm(ctx, c, b.notice()); err != nil {
		return err
	}
	if len(b.made) == 0 {
		return p.settle(ctx, b.next())
	}
	set := map[string]any{"crl_number": b.number}
	if complete {
		set["crl_stale"] = false
	}
	advanced := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where(
		"id = ? AND crl_number = ? AND version = ?", c.ID, c.CRLNumber, c.Version,
	).Updates(set)
	if advanced.Error != nil {
		return advanced.Error
	}
	if advanced.RowsAffected == 0 {
		return errOvertaken
	}
	if err := s.Store.DB(ctx).CreateInBatches(b.made, 64).Error; err != nil {
		return err
	}
	if !c.CRLDelta {
		if err := s.Store.DB(ctx).Delete(&CRL{}, "ca_id = ? AND base_number > 0", c.ID).Error; err != nil {
			return err
		}
	}
	first := b.made[max(0, slices.IndexFunc(b.made, func(l *CRL) bool { return l.KeyGeneration == c.KeyGeneration }))]
	details := audit.Details{
		"number": b.number, "keyGeneration": first.KeyGeneration, "entries": first.Entries,
		"nextUpdate": first.NextUpdate.Format(time.RFC3339),
	}
	if first.Shard > 0 {
		details["shard"] = first.Shard
	}
	if len(b.made) > 1 {
		details["lists"] = len(b.made)
	}
	if first.BaseNumber > 0 {
		details["deltaOf"] = first.BaseNumber
	}
	event := audit.Event{
		PartitionID: c.PartitionID, Action: "crl.publish", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
		Summary: "published a CRL of " + c.Identifier, Details: details,
	}
	if p.accept != "" {
		event.Action, event.Summary = "crl.accept", "accepted and published the CRL of "+c.Identifier+" that was held back"
		details["reason"], details["alarm"] = p.accept, c.CRLAlarm
	}
	s.Audit.Record(ctx, event)
	grown, err := s.grow(ctx, c, b.made, complete, last)
	if err != nil {
		return err
	}
	if len(s.Destinations) > 0 {
		if err := s.Jobs.Enqueue(ctx, ExportJob, c.ID, s.Now(), nil); err != nil {
			return err
		}
	}
	next := b.next()
	if grown {
		next = s.Now()
	}
	return p.settle(ctx, next)
}

// grow notes that new shards have their lists, from when on certificates can carry their addresses; and sends new
// certificates to fresh shards when the lists they would go to have grown large.
func (s *Service) grow(ctx context.Context, c *ca.CertificationAuthority, made []*CRL, complete bool, last int64) (grown bool, err error) {
	large := complete && c.CRLAutoShard && slices.ContainsFunc(made, func(l *CRL) bool {
		open := l.Shard == 0 && c.CRLShards == 0 || c.CRLShards > 0 && l.Shard >= c.CRLShardFirst && l.Shard < c.CRLShardFirst+c.CRLShards
		return l.BaseNumber == 0 && open && s.Large(l.Bytes)
	})
	shards := c.CRLShards
	if shards == 0 {
		shards = autoShards
	}
	large = large && last+shards <= allShards
	if !large && last == c.CRLShardLast {
		return false, nil
	}
	changed, err := s.CAs.Change(ctx, c.ID, func(c *ca.CertificationAuthority) error {
		c.CRLShardLast = last
		if large {
			c.CRLShards, c.CRLShardFirst, c.CRLStale = shards, last+1, true
		}
		return nil
	})
	if err != nil || !large {
		return false, err
	}
	s.Audit.Record(
		ctx, audit.Event{PartitionID: c.PartitionID, Action: "crl.shard", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
			Summary: "new certificates of " + c.Identifier + " go to new shards of its CRL: the lists have grown large",
			Details: audit.Details{"shards": changed.CRLShards, "first": changed.CRLShardFirst, "limit": s.limit()}})
	return true, nil
}

// build is the lists of one publication while they are being made.
type build struct {
	s       *Service
	c       *ca.CertificationAuthority
	number  int64
	now     time.Time
	latest  time.Time // date of the list that has the latest
	newest  map[slot]*CRL
	wanted  []wanted
	revoked int64 // how many entries there will be, about
	order   []*draft
	byShard map[int64][2][]*draft // complete and delta ones of each shard, one for each key
	made    []*CRL
	away    map[int64]string // key stores of keys that cannot be used, whose lists wait
}

// signer is the CA seen with one of its keys.
type signer struct {
	*ca.CertificationAuthority
	key   keystore.Key
	akid  []byte
	since time.Time // from when on expired certificates stay listed
}

// wanted is a complete list that is to be there, alone or with a delta CRL to it.
type wanted struct {
	slot
	signer *signer
}

type draft struct {
	slot
	signer  *signer
	row     *CRL
	builder *issuance.CRLBuilder
}

// signers are the CA seen with each of its keys that signs CRLs: those before while their certificates last, the next
// one once it has a certificate, and last the one that it issues with.
func (s *Service) signers(ctx context.Context, c *ca.CertificationAuthority) ([]*ca.CertificationAuthority, error) {
	views, err := s.CAs.Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	var keys []*ca.CertificationAuthority
	for _, v := range views {
		if v.KeyGeneration != c.KeyGeneration && s.Now().Before(v.NotAfter) {
			keys = append(keys, v)
		}
	}
	return append(keys, c), nil
}

// beginning is when the CA's first certificate began.
func (s *Service) beginning(ctx context.Context, c *ca.CertificationAuthority) (time.Time, error) {
	var first []*ca.OwnCertificate
	if err := s.Store.DB(ctx).Select("not_before").Order("not_before").Limit(1).Find(
		&first, "ca_id = ? AND kind = ?", c.ID, ca.Own,
	).Error; err != nil {
		return time.Time{}, err
	}
	if len(first) > 0 && first[0].NotBefore.Before(*c.NotBefore) {
		return first[0].NotBefore, nil
	}
	return *c.NotBefore, nil
}

// plan says which lists there are to be. The key that the CA issues with and the next one have all shards. One before
// has the shards that it had when it was replaced: their addresses are in certificates.
func (b *build) plan(ctx context.Context, last int64) error {
	views, err := b.s.signers(ctx, b.c)
	if err != nil {
		return err
	}
	for _, v := range views {
		key, err := b.open(ctx, v)
		if err != nil {
			if !b.spare(v) {
				return keyUnavailable(v, err)
			}
			b.away[v.KeyGeneration] = v.KeyStore
			continue
		}
		since, err := b.s.beginning(ctx, v)
		if err != nil {
			return err
		}
		by := &signer{v, key, v.SubjectKeyID(key.PublicKey()), since}
		for shard := int64(0); shard <= last; shard++ {
			at := slot{generation: v.KeyGeneration, shard: shard}
			if shard == 0 || v.KeyGeneration >= b.c.KeyGeneration || b.newest[at] != nil {
				b.wanted = append(b.wanted, wanted{at, by})
			}
		}
	}
	return nil
}

func (b *build) open(ctx context.Context, v *ca.CertificationAuthority) (keystore.Key, error) {
	store, err := b.s.Keys.ByName(v.KeyStore)
	if err == nil {
		err = store.Check(ctx) // what it remembers of a key is no sign that it could sign
	}
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, v.KeyID)
}

// lists fills all lists from one reading of the database, so that they agree.
func (b *build) lists(ctx context.Context, complete bool) error {
	b.byShard = map[int64][2][]*draft{}
	for _, w := range b.wanted {
		if complete {
			if err := b.begin(w, 0); err != nil {
				return err
			}
		}
		if b.c.CRLDelta {
			base := b.number
			if !complete {
				base = b.newest[w.slot].Number
			}
			w.delta = true
			if err := b.begin(w, base); err != nil {
				return err
			}
		}
	}
	if complete {
		return b.s.revoked(ctx, b.c.ID, func(shard int64, r issuance.RevokedCertificate) error { return b.add(shard, false, r) })
	}
	since := b.newest[slot{generation: b.c.KeyGeneration}].StatusVersion
	type change struct {
		shard int64
		entry issuance.RevokedCertificate
	}
	var changes []change
	collect := func(shard int64, r issuance.RevokedCertificate) error {
		r.SerialNumber = slices.Clone(r.SerialNumber)
		changes = append(changes, change{shard, r})
		return nil
	}
	if err := b.s.changed(ctx, b.c.ID, since, collect); err != nil {
		return err
	}
	// In the order of complete lists: the same changes make the same list.
	slices.SortFunc(changes, func(x, y change) int { return bytes.Compare(x.entry.SerialNumber, y.entry.SerialNumber) })
	for _, c := range changes {
		if err := b.add(c.shard, true, c.entry); err != nil {
			return err
		}
	}
	return nil
}

// count looks how large the list of the CA becomes, so that it need not be moved while it grows.
func (b *build) count(ctx context.Context) error {
	return b.s.Store.DB(ctx).Model(&certificate.Certificate{}).Where("ca_id = ? AND status <> 'ISSUED'", b.c.ID).Count(&b.revoked).Error
}

func (b *build) add(shard int64, delta bool, r issuance.RevokedCertificate) error {
	which := 0
	if delta {
		which = 1
	}
	if shard == 0 || b.c.CRLComplete {
		for _, d := range b.byShard[0][which] {
			if err := d.builder.Add(r); err != nil {
				return err
			}
		}
	}
	if shard == 0 {
		return nil
	}
	for _, d := range b.byShard[shard][which] {
		if err := d.builder.Add(r); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) begin(w wanted, base int64) error {
	c, at := w.signer.CertificationAuthority, w.slot
	row := &CRL{
		ID: uuid.Must(uuid.NewV7()).String(), CAID: c.ID, KeyGeneration: at.generation, Shard: at.shard, BaseNumber: base,
		Number: b.number, MadeAt: b.now, StatusVersion: c.StatusVersion,
	}
	template := issuance.CRL{
		Issuer: c.SubjectDER, AuthorityKeyID: w.signer.akid, Number: big.NewInt(b.number),
		// Revoked certificates stay listed after they expire, from the CA's beginning on (X.509 ExpiredCertsOnCRL).
		ExpiredCertsOnCRL: w.signer.since,
	}
	if at.shard != 0 || !c.CRLComplete {
		row.Scope = b.s.CAs.URLs.CRLShard(c, at.shard, false)
	}
	if at.delta {
		template.DeltaBase = big.NewInt(base)
	} else if c.CRLDelta {
		template.FreshestCRL = b.s.CAs.URLs.CRLShard(c, at.shard, true)
	}
	template.DistributionPoint = row.Scope
	template.ThisUpdate, template.NextUpdate = b.dates(time.Time{}, at.delta)
	if before := b.newest[at]; before != nil && !at.delta {
		template.SizeHint = int(before.Bytes + before.Bytes/64)
	}
	if at.shard == 0 && !at.delta && c.CRLComplete {
		template.SizeHint = max(template.SizeHint, int(b.revoked)*52) // a serial number of 16 octets, date, reason
	}
	builder, err := issuance.NewCRL(template, w.signer.key)
	if err != nil {
		return err
	}
	d := &draft{at, w.signer, row, builder}
	b.order = append(b.order, d)
	both := b.byShard[at.shard]
	if at.delta {
		both[1] = append(both[1], d)
	} else {
		both[0] = append(both[0], d)
	}
	b.byShard[at.shard] = both
	return nil
}

// dates are thisUpdate and nextUpdate of a list. A verifier whose clock is behind must not find it to be from the future;
// but it is never dated before its entries or before a list that was published, whatever the clock says.
func (b *build) dates(newest time.Time, delta bool) (this, next time.Time) {
	this = b.now.Add(-b.s.ClockSkew).Truncate(time.Second)
	for _, at := range []time.Time{newest, b.latest} {
		if at.After(this) {
			this = at
		}
	}
	from, validity := b.now, CRLValidity
	if this.After(from) {
		from = this
	}
	if delta {
		validity = DeltaValidity
	}
	return this.UTC(), from.Add(validity).UTC()
}

// sign signs a list, checks it against what was published before, and lays it into the database, where nobody sees it
// until it is recorded.
func (b *build) sign(ctx context.Context, d *draft, accepted bool) (*CRL, error) {
	row := d.row
	row.ThisUpdate, row.NextUpdate = b.dates(d.builder.Newest(), d.delta)
	if err := d.builder.SetDates(row.ThisUpdate, row.NextUpdate); err != nil {
		return nil, err
	}
	der, err := d.builder.Sign(ctx)
	if err != nil {
		return nil, keyUnavailable(d.signer.CertificationAuthority, errors.Join(errKeyAway, err))
	}
	hash := sha256.Sum256(der)
	row.Entries, row.Bytes, row.SHA256 = int64(d.builder.Entries()), int64(len(der)), hash[:]
	d.builder = nil
	if err := b.s.check(ctx, d.signer.CertificationAuthority, row, der, b.newest[d.slot], accepted); err != nil {
		return nil, err
	}
	return row, b.s.lay(ctx, row.ID, der)
}

// revoked hands out what is revoked or on hold, in the order of the serial numbers, as the database gives it.
func (s *Service) revoked(ctx context.Context, caID string, use func(int64, issuance.RevokedCertificate) error) error {
	adopted, err := s.adopted(ctx, "ca_id = ?", caID)
	if err != nil {
		return err
	}
	if err := s.entries(
		ctx, "revocation_reason", "revoked_at", "ca_id = ? AND status <> 'ISSUED' ORDER BY serial_number", []any{caID}, func(
			shard int64, r issuance.RevokedCertificate,
		) error {
			for len(adopted) > 0 && bytes.Compare(adopted[0].entry.SerialNumber, r.SerialNumber) < 0 {
				if err := use(adopted[0].shard, adopted[0].entry); err != nil {
					return err
				}
				adopted = adopted[1:]
			}
			return use(shard, r)
		}); err != nil {
		return err
	}
	for _, a := range adopted {
		if err := use(a.shard, a.entry); err != nil {
			return err
		}
	}
	return nil
}

// changed hands out, in no order, what became revoked or on hold behind a status version, and the certificates whose
// suspension ended, as a delta CRL lists them.
func (s *Service) changed(ctx context.Context, caID string, version int64, use func(int64, issuance.RevokedCertificate) error) error {
	const since = "ca_id = ? AND status_version > 0 AND status_version > ?" // the first for the index
	if err := s.entries(ctx, "revocation_reason", "revoked_at", since+" AND status <> 'ISSUED'", []any{caID, version}, use); err != nil {
		return err
	}
	if err := s.entries(
		ctx, decimal(issuance.RemoveFromCRL), "released_at", since+" AND status = 'ISSUED' AND released_at IS NOT NULL",
		[]any{caID, version}, use,
	); err != nil {
		return err
	}
	adopted, err := s.adopted(ctx, "ca_id = ? AND status_version > ?", caID, version)
	if err != nil {
		return err
	}
	for _, a := range adopted {
		if err := use(a.shard, a.entry); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) entries(
	ctx context.Context, reason, at, where string, args []any, use func(int64, issuance.RevokedCertificate) error,
) error {
	// Whole seconds as numbers: a million of them are read in a second, as instants in several.
	epoch := func(column string) string {
		if s.Store.PostgreSQL() {
			return "floor(extract(epoch FROM " + column + "))::bigint"
		}
		return "unixepoch(" + column + ")"
	}
	rows, err := s.Store.DB(ctx).Raw("SELECT serial_number, "+epoch(at)+", "+reason+", coalesce("+epoch("invalidity_date")+
		", -1), crl_shard FROM certificates WHERE "+where, args...).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var serial sql.RawBytes
	var binary []byte
	for rows.Next() {
		var seconds, code, invalidity, shard int64
		if err := rows.Scan(&serial, &seconds, &code, &invalidity, &shard); err != nil {
			return err
		}
		if binary, err = hex.AppendDecode(binary[:0], serial); err != nil {
			return err
		}
		entry := issuance.RevokedCertificate{SerialNumber: binary, RevokedAt: time.Unix(seconds, 0).UTC(), Reason: int(code)}
		if invalidity >= 0 {
			entry.InvalidityDate = time.Unix(invalidity, 0).UTC()
		}
		if err := use(shard, entry); err != nil {
			return err
		}
	}
	return rows.Err()
}
