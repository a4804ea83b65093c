// Package audit is the append-only record of what happened: every change, sign-in and refusal. It is also the stream
// of live events. Each partition has its own chain of hashes, so nothing can be removed or altered unseen.
package audit

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	Details     Details
	Hash        []byte
	// CAID is the CA whose certificate the event is about, where it changed the inventory: what a feed of that CA is read
	// by. It follows from the object, and is no part of the hash.
	CAID string `gorm:"column:ca_id"`
}

// Details are the facts of an event that have no column: before and after, reasons, serial numbers. A column has them as
// JSON.
type Details map[string]any

// Value writes the column (driver.Valuer).
func (d Details) Value() (driver.Value, error) {
	text, err := d.json()
	return string(text), err
}

// Scan reads the column (sql.Scanner).
func (d *Details) Scan(column any) error {
	switch text := column.(type) {
	case string:
		return json.Unmarshal([]byte(text), d)
	case []byte:
		return json.Unmarshal(text, d)
	}
	return fmt.Errorf("the details of an event are JSON, not %T", column)
}

// json is what json.Marshal writes. It is written for every event, and nearly all are texts.
func (d Details) json() ([]byte, error) {
	if d == nil {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, 512), '{')
	for n, name := range slices.Sorted(maps.Keys(d)) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		switch v := d[name].(type) {
		case string:
			b = appendText(b, v)
		default:
			text, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			b = append(b, text...)
		}
	}
	return append(b, '}'), nil
}

// appendText writes a text as json.Marshal does, most of them without it.
func appendText(b []byte, text string) []byte {
	begin := len(b)
	b = append(b, '"')
	for n := range len(text) {
		switch c := text[n]; {
		case c < ' ' || c > '~' || c == '<' || c == '>' || c == '&':
			whole, _ := json.Marshal(text) // a text never fails
			return append(b[:begin], whole...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

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
	details, err := e.Details.json()
	if err != nil {
		return nil, err
	}
	text := appendText(append(make([]byte, 0, 1024), '['), e.PartitionID)
	text = strconv.AppendInt(append(text, ','), e.Sequence, 10)
	for _, column := range [...]string{
		e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), e.Action, string(e.Result), e.ActorKind, e.ActorID,
		e.ActorName, e.IPAddress, e.RequestID, e.ObjectKind, e.ObjectID, e.ObjectName, e.Summary, string(details),
	} {
		text = appendText(append(text, ','), column)
	}
	h := sha256.New()
	h.Write(previous)
	h.Write(append(text, ']'))
	return h.Sum(nil), nil
}
