// Package audit is the append-only record of what happened: every change, sign-in and refusal. It is also the stream
// of live events. Each partition has its own chain of hashes, so nothing can be removed or altered unseen.
package audit

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Result of an act.
type Result string

const (
	Success Result = "SUCCESS"
	Refused Result = "REFUSED" // bad input, no permission, policy
	Failed  Result = "FAILED"  // our fault, or a part out of order
)

// PlatformChain is the chain of what belongs to no partition.
const PlatformChain = ""

// Event is one row of the log. The caller fills Action, PartitionID, the object, Summary and Details; who, from where
// and when come from the context. No field may hold a secret.
type Event struct {
	PartitionID string `gorm:"primaryKey"`
	Sequence    int64  `gorm:"primaryKey;autoIncrement:false"`
	Time        time.Time
	Action      string
	Result      Result
	ActorKind   string
	ActorID     string
	ActorName   string
	IPAddress   string `gorm:"column:ip_address"`
	RequestID   string
	ObjectKind  string
	ObjectID    string
	ObjectName  string
	Summary     string
	Details     Details `gorm:"serializer:json"`
	Hash        []byte
	// CAID is the CA whose certificate the event is about, where it changed the inventory: what a feed of that CA is read
	// by. It follows from the object, and is no part of the hash.
	CAID string `gorm:"column:ca_id"`
}

// Details are the facts of an event that have no column: before and after, reasons, serial numbers.
type Details map[string]any

func (Event) TableName() string { return "audit_events" }

// chain is the head of a partition's chain.
type chain struct {
	PartitionID string `gorm:"primaryKey"`
	Sequence    int64
	Hash        []byte
}

func (chain) TableName() string { return "audit_chains" }

// link is the hash of the event behind the one whose hash is previous: SHA-256 over that hash and the JSON array of
// the columns in the order of the table.
func (e *Event) link(previous []byte) ([]byte, error) {
	details, err := json.Marshal(e.Details)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal([]any{
		e.PartitionID, e.Sequence, e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), e.Action, e.Result, e.ActorKind, e.ActorID,
		e.ActorName, e.IPAddress, e.RequestID, e.ObjectKind, e.ObjectID, e.ObjectName, e.Summary, string(details),
	})
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(previous)
	h.Write(text)
	return h.Sum(nil), nil
}
