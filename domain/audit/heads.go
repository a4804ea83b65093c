package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/rbac"
)

// Head is the end of a chain at a point in time. Heads are signed by the server and kept outside the database. They
// reveal a truncated chain: anyone who can write to the database could otherwise produce a shorter chain that verifies.
type Head struct {
	PartitionID string    `json:"partitionId"` // "" for the platform chain
	Sequence    int64     `json:"sequence"`
	Hash        string    `json:"hash"` // hash of that event, hexadecimal
	Time        time.Time `json:"time"`
	// Accepts is the hash of a head that is no longer in the chain, if a person accepted that for the reason.
	Accepts   string `json:"accepts,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Signer    string `json:"signer"`    // SHA-256 of the signer's SubjectPublicKeyInfo, hexadecimal
	Signature string `json:"signature"` // signature by that key over the RFC 8785 form of the other members; base64
}

// signed returns the bytes that the signature covers.
func (h Head) signed() ([]byte, error) {
	h.Signature = ""
	written, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	members := map[string]any{}
	if err := json.Unmarshal(written, &members); err != nil {
		return nil, err
	}
	delete(members, "signature")
	members["time"] = h.Time.UTC().Format(TimeFormat)
	if written, err = json.Marshal(members); err != nil {
		return nil, err
	}
	canonical := jsontext.Value(written)
	return canonical, canonical.Canonicalize()
}

// MarshalJSON writes the time with microseconds, as in the signature.
func (h Head) MarshalJSON() ([]byte, error) {
	type plain Head
	return json.Marshal(struct {
		plain
		Time string `json:"time"`
	}{plain(h), h.Time.UTC().Format(TimeFormat)})
}

// Name returns the display name of the chain.
func (h *Head) Name() string {
	if h.PartitionID == PlatformChain {
		return "the platform"
	}
	return "partition " + h.PartitionID
}

// Signer signs heads.
type Signer interface {
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Keeper is a place outside the database where heads are kept.
type Keeper interface {
	Keep(ctx context.Context, h Head) error
	// Newest returns the newest head of each chain for which sound returns true.
	Newest(ctx context.Context, sound func(Head) bool) ([]Head, error)
	String() string
}

// Alarm is a kept head that is not in its chain.
type Alarm struct {
	Head   Head
	Reason string
}

// Heads sends the heads of all chains to the keepers, and checks the chains against the kept heads.
type Heads struct {
	Log     *Log
	Signer  Signer
	Keepers []Keeper
	Logger  *slog.Logger

	mu     sync.Mutex
	known  map[string]Head     // the newest head of each chain, read or created
	kept   []map[string]string // for each keeper, by chain: the hash of the head it has
	alarms map[string]*Alarm   // by chain
}

// Alarms lists the chains that do not contain their kept head, by partition.
func (h *Heads) Alarms() []*Alarm {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*Alarm, 0, len(h.alarms))
	for _, a := range h.alarms {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Alarm) int { return cmp.Compare(a.Head.PartitionID, b.Head.PartitionID) })
	return all
}

// Round checks every chain against its newest kept head, and sends the heads of chains that have grown. While a chain
// has an alarm, none is sent for it: the head it is checked against must remain the newest until a person accepts the
// alarm.
func (h *Heads) Round(ctx context.Context) error {
	if err := h.read(ctx); err != nil {
		h.Logger.Error("cannot read the heads of the audit log", "error", err)
	}
	// The ends are read before the chains are checked, so that a chain rewritten in between is not signed.
	var ends []chain
	if err := h.Log.Store.DB(ctx).Order("partition_id").Find(&ends, "sequence > 0").Error; err != nil {
		return err
	}
	if err := h.compare(ctx); err != nil {
		return err
	}
	return h.send(ctx, ends)
}

// read loads the heads that the keepers have, for example from another server or from before a restart.
func (h *Heads) read(ctx context.Context) error {
	var failures []error
	for n, k := range h.Keepers {
		heads, err := k.Newest(ctx, h.sound)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", k, err))
			continue
		}
		h.mu.Lock()
		h.begin()
		for _, head := range heads {
			h.kept[n][head.PartitionID] = head.Hash
			if known, had := h.known[head.PartitionID]; !had || head.Time.After(known.Time) {
				h.known[head.PartitionID] = head
			}
		}
		h.mu.Unlock()
	}
	return errors.Join(failures...)
}

func (h *Heads) begin() {
	if h.known == nil {
		h.known, h.alarms = map[string]Head{}, map[string]*Alarm{}
	}
	for len(h.kept) < len(h.Keepers) {
		h.kept = append(h.kept, map[string]string{})
	}
}

// sound tells whether this server signed the head.
func (h *Heads) sound(head Head) bool { return Sound(head, h.Signer.PublicKey(), h.Signer.Algorithm()) }

// Sound tells whether a key signed the head.
func Sound(head Head, spki []byte, a *algorithm.Algorithm) bool {
	signature, err := base64.StdEncoding.DecodeString(head.Signature)
	if err != nil {
		return false
	}
	message, err := head.signed()
	return err == nil && a.Verify(spki, message, signature) == nil
}

// compare checks every known head against its chain.
func (h *Heads) compare(ctx context.Context) error {
	h.mu.Lock()
	h.begin()
	partitions := make([]string, 0, len(h.known))
	for id := range h.known {
		partitions = append(partitions, id)
	}
	h.mu.Unlock()
	slices.Sort(partitions)
	for _, id := range partitions {
		if _, err := h.check(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// check checks one chain against its newest known head, and raises or clears the alarm.
func (h *Heads) check(ctx context.Context, partitionID string) (*Alarm, error) {
	h.mu.Lock()
	h.begin()
	known, had := h.known[partitionID]
	h.mu.Unlock()
	if !had {
		return nil, nil
	}
	reason, err := h.Log.contradiction(ctx, known)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	before := h.alarms[partitionID]
	if h.known[partitionID].Hash != known.Hash { // a concurrent round was faster
		h.mu.Unlock()
		return before, nil
	}
	if reason == "" {
		delete(h.alarms, partitionID)
		h.mu.Unlock()
		return nil, nil
	}
	alarm := &Alarm{known, reason}
	h.alarms[partitionID] = alarm
	h.mu.Unlock()
	if before == nil {
		h.Logger.Error(
			"the audit log does not contain its last kept head", "partition", partitionID, "sequence", known.Sequence, "hash", known.Hash,
			"reason", reason,
		)
		if err := h.report(ctx, alarm); err != nil {
			h.Logger.Error("cannot record the alarm", "error", err)
		}
	}
	return alarm, nil
}

// contradiction says why a head is not in its chain. It returns "" if it is.
func (l *Log) contradiction(ctx context.Context, known Head) (string, error) {
	// Read the event first: the end of the chain is never older than it.
	var events []*Event
	if err := l.Store.DB(ctx).Select("hash").Find(
		&events, "partition_id = ? AND sequence = ?", known.PartitionID, known.Sequence,
	).Error; err != nil {
		return "", err
	}
	end, err := l.head(ctx, known.PartitionID)
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("event %d of %s, signed at %s", known.Sequence, known.Name(), known.Time.UTC().Format(time.RFC3339))
	switch {
	case known.Sequence == 0:
		return "", nil
	case len(events) == 0 || end.Sequence < known.Sequence:
		return fmt.Sprintf("%s, is missing: the log ends at event %d", at, end.Sequence), nil
	case hex.EncodeToString(events[0].Hash) != known.Hash:
		return at + ", has changed: the log was rewritten from there or from an earlier event", nil
	}
	return "", nil
}

const alarmAction = "audit.alarm"

// report records the alarm in the chain concerned, once.
func (h *Heads) report(ctx context.Context, a *Alarm) error {
	var n int64
	if err := h.Log.Store.DB(ctx).Model(&Event{}).Where(
		"object_id = ? AND partition_id = ? AND action = ?", a.Head.Hash, a.Head.PartitionID, alarmAction,
	).Count(&n).Error; err != nil || n > 0 {
		return err
	}
	return h.Log.Store.Tx(ctx, func(ctx context.Context) error {
		h.Log.RecordAs(
			ctx, rbac.SystemActor(),
			Event{
				PartitionID: a.Head.PartitionID, Action: alarmAction, Result: Failed, ObjectKind: "audit-log", ObjectID: a.Head.Hash,
				ObjectName: "audit log",
				Summary:    "found that the audit log does not contain its last kept head: " + a.Reason + ".", Details: Details{
					"sequence": a.Head.Sequence, "hash": a.Head.Hash, "signedAt": a.Head.Time.UTC().Format(TimeFormat),
				}})
		return nil
	})
}

// send signs the heads of chains that have grown, and gives each keeper the heads it lacks.
func (h *Heads) send(ctx context.Context, ends []chain) error {
	for _, end := range ends {
		h.mu.Lock()
		known, had := h.known[end.PartitionID]
		alarmed := h.alarms[end.PartitionID] != nil
		h.mu.Unlock()
		if alarmed || had && end.Sequence < known.Sequence {
			continue
		}
		head := known
		if hash := hex.EncodeToString(end.Hash); !had || known.Hash != hash {
			var err error
			if head, err = h.sign(ctx, Head{PartitionID: end.PartitionID, Sequence: end.Sequence, Hash: hash}); err != nil {
				return err
			}
			h.say(head)
		}
		h.keep(ctx, head)
	}
	return nil
}

func (h *Heads) say(head Head) {
	h.Logger.Info(
		"audit head", "partition", head.PartitionID, "sequence", head.Sequence, "hash", head.Hash, "time",
		head.Time.UTC().Format(TimeFormat),
		"accepts", head.Accepts, "reason", head.Reason, "signer", head.Signer, "signature", head.Signature)
}

// sign dates a head later than the one before it, even if the clock was set back, and makes it the known one.
func (h *Heads) sign(ctx context.Context, head Head) (Head, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.begin()
	head.Time = h.Log.Now().UTC().Truncate(time.Microsecond)
	if known, had := h.known[head.PartitionID]; had && !head.Time.After(known.Time) {
		head.Time = known.Time.Add(time.Microsecond)
	}
	hash := sha256.Sum256(h.Signer.PublicKey())
	head.Signer = hex.EncodeToString(hash[:])
	message, err := head.signed()
	if err != nil {
		return head, err
	}
	signature, err := h.Signer.Sign(ctx, message)
	if err != nil {
		return head, err
	}
	head.Signature = base64.StdEncoding.EncodeToString(signature)
	h.known[head.PartitionID] = head
	return head, nil
}

// keep gives a head to the keepers that lack it. Failures are retried in the next round.
func (h *Heads) keep(ctx context.Context, head Head) (failures []error) {
	for n, k := range h.Keepers {
		h.mu.Lock()
		has := h.kept[n][head.PartitionID] == head.Hash
		h.mu.Unlock()
		if has {
			continue
		}
		if err := k.Keep(ctx, head); err != nil {
			h.Logger.Error(
				"cannot keep a head of the audit log", "where", k.String(), "partition", head.PartitionID, "sequence", head.Sequence,
				"error", err,
			)
			failures = append(failures, fmt.Errorf("%s: %w", k, err))
			continue
		}
		h.mu.Lock()
		h.kept[n][head.PartitionID] = head.Hash
		h.mu.Unlock()
	}
	return failures
}

// Accept clears the alarm of a chain on the word of a person: the missing events are lost, and the chain continues from
// its present end.
func (h *Heads) Accept(ctx context.Context, partitionID, reason string) error {
	if err := h.Log.Guard.Require(ctx, rbac.AuditBrowse, rbac.Platform); err != nil {
		return err
	}
	if err := text.Label("reason", reason, 1, 500); err != nil {
		return err
	}
	if err := h.read(ctx); err != nil {
		return err
	}
	alarm, err := h.check(ctx, partitionID)
	if err != nil {
		return err
	}
	if alarm == nil {
		return fault.New(fault.Conflict, "The audit log of this partition has no alarm.")
	}
	lost := alarm.Head
	if err := h.Log.Store.Tx(ctx, func(ctx context.Context) error {
		h.Log.Record(
			ctx,
			Event{PartitionID: partitionID, Action: "audit.accept", ObjectKind: "audit-log", ObjectID: lost.Hash, ObjectName: "audit log",
				Summary: "accepted that the audit log does not contain its last kept head: " + alarm.Reason + ".",
				Details: Details{
					"reason": reason, "sequence": lost.Sequence, "hash": lost.Hash, "signedAt": lost.Time.UTC().Format(TimeFormat),
				}})
		return nil
	}); err != nil {
		return err
	}
	end, err := h.Log.head(ctx, partitionID)
	if err != nil {
		return err
	}
	head, err := h.sign(
		ctx,
		Head{PartitionID: partitionID, Sequence: end.Sequence, Hash: hex.EncodeToString(end.Hash), Accepts: lost.Hash, Reason: reason},
	)
	if err != nil {
		return err
	}
	h.say(head)
	h.mu.Lock()
	delete(h.alarms, partitionID)
	h.mu.Unlock()
	return errors.Join(h.keep(ctx, head)...)
}

// Examine checks chains against all given heads, for example from a copy of a file. It returns the heads this server
// did not sign, and alarms for heads that are not in their chain and that nobody has accepted.
func (h *Heads) Examine(ctx context.Context, heads []Head) (unsound []Head, alarms []*Alarm, err error) {
	accepted := map[string]time.Time{} // by chain: heads up to this time are accepted
	var sound []Head
	for _, head := range heads {
		if !h.sound(head) {
			unsound = append(unsound, head)
			continue
		}
		sound = append(sound, head)
		if head.Accepts != "" && head.Time.After(accepted[head.PartitionID]) {
			accepted[head.PartitionID] = head.Time
		}
	}
	for _, head := range sound {
		if head.Time.Before(accepted[head.PartitionID]) {
			continue
		}
		reason, err := h.Log.contradiction(ctx, head)
		if err != nil {
			return nil, nil, err
		}
		if reason != "" {
			alarms = append(alarms, &Alarm{head, reason})
		}
	}
	return unsound, alarms, nil
}

// Compare reads the kept heads and checks the chains against them. Commands call it before anything is served.
func (h *Heads) Compare(ctx context.Context) ([]*Alarm, error) {
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	if err := h.compare(ctx); err != nil {
		return nil, err
	}
	return h.Alarms(), nil
}
