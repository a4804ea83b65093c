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

// Head says where a chain ended at an instant. Signed by the server and kept outside the database, it shows when the end
// of the chain was cut off: who can write to the database can make a shorter chain that verifies.
type Head struct {
	PartitionID string    `json:"partitionId"` // "" for the chain of the platform
	Sequence    int64     `json:"sequence"`
	Hash        string    `json:"hash"` // of that event, hexadecimal
	Time        time.Time `json:"time"`
	// Accepts is the hash of a head that is not in the chain any more: a person accepted that, for the reason.
	Accepts   string `json:"accepts,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Signer    string `json:"signer"`    // SHA-256 of the signer's SubjectPublicKeyInfo, hexadecimal
	Signature string `json:"signature"` // by that key, over the RFC 8785 form of the other members; base64
}

// signed is what the signature is over.
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

// MarshalJSON writes the time with microseconds, as it is signed.
func (h Head) MarshalJSON() ([]byte, error) {
	type plain Head
	return json.Marshal(struct {
		plain
		Time string `json:"time"`
	}{plain(h), h.Time.UTC().Format(TimeFormat)})
}

// Name is how the chain is called for people.
func (h *Head) Name() string {
	if h.PartitionID == PlatformChain {
		return "the platform"
	}
	return "partition " + h.PartitionID
}

// Signer is the key by which heads are signed.
type Signer interface {
	Algorithm() *algorithm.Algorithm
	PublicKey() []byte // SubjectPublicKeyInfo, DER
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Keeper is a place outside the database where heads lie.
type Keeper interface {
	Keep(ctx context.Context, h Head) error
	// Newest returns the newest head of each chain that sound accepts.
	Newest(ctx context.Context, sound func(Head) bool) ([]Head, error)
	String() string
}

// Alarm is a head that was kept and is not in its chain.
type Alarm struct {
	Head   Head
	Reason string
}

// Heads sends the heads of all chains to the keepers, and compares the chains with them.
type Heads struct {
	Log     *Log
	Signer  Signer
	Keepers []Keeper
	Logger  *slog.Logger

	mu     sync.Mutex
	known  map[string]Head     // the newest head of each chain that was seen or made
	kept   []map[string]string // for each keeper, by chain: the hash it has
	alarms map[string]*Alarm   // by chain
}

// Alarms are the chains whose end is not what was kept, by partition.
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

// Round compares every chain with the newest head that is kept, and sends the heads of those that have grown. A chain
// with an alarm sends none: the head that it is compared with must stay the newest until a person accepts.
func (h *Heads) Round(ctx context.Context) error {
	if err := h.read(ctx); err != nil {
		h.Logger.Error("the heads of the audit log could not be read", "error", err)
	}
	// The ends are read before the chains are compared: a chain that is rewritten in between is not what gets signed.
	var ends []chain
	if err := h.Log.Store.DB(ctx).Order("partition_id").Find(&ends, "sequence > 0").Error; err != nil {
		return err
	}
	if err := h.compare(ctx); err != nil {
		return err
	}
	return h.send(ctx, ends)
}

// read takes over what the keepers have, for example from another server or from before a start.
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

// compare looks for every known head in its chain.
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

// check compares one chain with its newest head that is known, and raises or ends the alarm.
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
	if h.known[partitionID].Hash != known.Hash { // another round was faster
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
		h.Logger.Error("the audit log does not end as it did", "partition", partitionID, "sequence", known.Sequence, "hash", known.Hash, "reason", reason)
		if err := h.report(ctx, alarm); err != nil {
			h.Logger.Error("the alarm could not be recorded", "error", err)
		}
	}
	return alarm, nil
}

// contradiction says why a head is not in its chain, "" when it is.
func (l *Log) contradiction(ctx context.Context, known Head) (string, error) {
	// The event first: the end of the chain is never before it.
	var events []*Event
	if err := l.Store.DB(ctx).Select("hash").Find(&events, "partition_id = ? AND sequence = ?", known.PartitionID, known.Sequence).Error; err != nil {
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
		return at + ", is another one now: the log was rewritten from there or before", nil
	}
	return "", nil
}

const alarmAction = "audit.alarm"

// report writes the alarm into the chain that it is about, once.
func (h *Heads) report(ctx context.Context, a *Alarm) error {
	var n int64
	if err := h.Log.Store.DB(ctx).Model(&Event{}).Where("object_id = ? AND partition_id = ? AND action = ?", a.Head.Hash, a.Head.PartitionID, alarmAction).Count(&n).Error; err != nil || n > 0 {
		return err
	}
	return h.Log.Store.Tx(ctx, func(ctx context.Context) error {
		h.Log.RecordAs(ctx, rbac.SystemActor(), Event{PartitionID: a.Head.PartitionID, Action: alarmAction, Result: Failed, ObjectKind: "audit-log", ObjectID: a.Head.Hash, ObjectName: "audit log",
			Summary: "The audit log does not end as it did: " + a.Reason + ".", Details: Details{"sequence": a.Head.Sequence, "hash": a.Head.Hash, "signedAt": a.Head.Time.UTC().Format(TimeFormat)}})
		return nil
	})
}

// send signs the heads of the chains that have grown, and gives each keeper what it lacks.
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
	h.Logger.Info("audit head", "partition", head.PartitionID, "sequence", head.Sequence, "hash", head.Hash, "time", head.Time.UTC().Format(TimeFormat),
		"accepts", head.Accepts, "reason", head.Reason, "signer", head.Signer, "signature", head.Signature)
}

// sign dates a head behind the one before it, whatever the clock says, and makes it the known one.
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

// keep gives a head to the keepers that lack it; what fails is tried again in the next round.
func (h *Heads) keep(ctx context.Context, head Head) (failures []error) {
	for n, k := range h.Keepers {
		h.mu.Lock()
		has := h.kept[n][head.PartitionID] == head.Hash
		h.mu.Unlock()
		if has {
			continue
		}
		if err := k.Keep(ctx, head); err != nil {
			h.Logger.Error("a head of the audit log could not be kept", "where", k.String(), "partition", head.PartitionID, "sequence", head.Sequence, "error", err)
			failures = append(failures, fmt.Errorf("%s: %w", k, err))
			continue
		}
		h.mu.Lock()
		h.kept[n][head.PartitionID] = head.Hash
		h.mu.Unlock()
	}
	return failures
}

// Accept ends the alarm of a chain on the word of a person: what was cut off is lost, and the chain goes on from where it
// ends now.
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
		h.Log.Record(ctx, Event{PartitionID: partitionID, Action: "audit.accept", ObjectKind: "audit-log", ObjectID: lost.Hash, ObjectName: "audit log",
			Summary: "Accepted that the audit log does not end as it did: " + alarm.Reason + ".",
			Details: Details{"reason": reason, "sequence": lost.Sequence, "hash": lost.Hash, "signedAt": lost.Time.UTC().Format(TimeFormat)}})
		return nil
	}); err != nil {
		return err
	}
	end, err := h.Log.head(ctx, partitionID)
	if err != nil {
		return err
	}
	head, err := h.sign(ctx, Head{PartitionID: partitionID, Sequence: end.Sequence, Hash: hex.EncodeToString(end.Hash), Accepts: lost.Hash, Reason: reason})
	if err != nil {
		return err
	}
	h.say(head)
	h.mu.Lock()
	delete(h.alarms, partitionID)
	h.mu.Unlock()
	return errors.Join(h.keep(ctx, head)...)
}

// Examine compares chains with all of the given heads, as from a copy of a file: which of them are not signed by this
// server, and which are not in their chain although nobody has accepted that.
func (h *Heads) Examine(ctx context.Context, heads []Head) (unsound []Head, alarms []*Alarm, err error) {
	accepted := map[string]time.Time{} // by chain: until when heads count no more
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

// Compare reads what the keepers have and compares it with the chains: what a command does before anything is served.
func (h *Heads) Compare(ctx context.Context) ([]*Alarm, error) {
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	if err := h.compare(ctx); err != nil {
		return nil, err
	}
	return h.Alarms(), nil
}
