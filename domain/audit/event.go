// Package audit is the append-only record of what happened: every change, sign-in and refusal. It is also the stream
// of live events. Each partition has its own chain of hashes, so nothing can be removed or altered unseen.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
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
	// Details are what the caller fills and what a reader gets; DetailsText is the same as the column has it, and that text
	// is what is hashed: reading it into a map and writing it again could change it.
	Details     Details `gorm:"-"`
	DetailsText string  `gorm:"column:details"`
	Hash        []byte
	// PreviousHash is that of the event before it, empty for the first: set by List, After and Each.
	PreviousHash []byte `gorm:"-"`
	// Format says what the hash is over: see canonical and legacy.
	Format int64
	// CAID is the CA whose certificate the event is about, where it changed the inventory: what a feed of that CA is read
	// by.
	CAID string `gorm:"column:ca_id"`
}

// Formats of the hash.
const (
	legacyFormat    = 1 // until release 0.1.0
	canonicalFormat = 2
)

// Details are the facts of an event that have no column: before and after, reasons, serial numbers. A column has them as
// JSON in the form of RFC 8785.
type Details map[string]any

// AfterFind reads the details of a row. What somebody has spoilt reads as nothing, and Verify finds it.
func (e *Event) AfterFind(*gorm.DB) error {
	if json.Unmarshal([]byte(e.DetailsText), &e.Details) != nil || e.Details == nil {
		e.Details = Details{}
	}
	return nil
}

// VerbatimDetails are the details as they are stored, where the hash is over just those octets and not over what they
// say: events of releases until 0.1.0. nil for others.
func (e *Event) VerbatimDetails() *string {
	if e.Format != legacyFormat {
		return nil
	}
	return &e.DetailsText
}

// exact bounds the integers that a JSON number holds exactly (RFC 7493 2.2).
const exact = 1<<53 - 1

var longNumber = regexp.MustCompile(`[0-9]{16}`)

// text is the details in the form of RFC 8785.
func (d Details) text() (string, error) {
	if d == nil {
		d = Details{}
	}
	written, err := json.Marshal(map[string]any(d))
	if err != nil {
		return "", err
	}
	if longNumber.Match(written) {
		if written, err = quoteLong(written); err != nil {
			return "", err
		}
	}
	canonical := jsontext.Value(written)
	err = canonical.Canonicalize()
	return string(canonical), err
}

// quoteLong makes texts of the integers that a JSON number would round.
func quoteLong(written []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(written))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name := range v {
				v[name] = walk(v[name])
			}
		case []any:
			for n := range v {
				v[n] = walk(v[n])
			}
		case json.Number:
			if n, ok := new(big.Int).SetString(v.String(), 10); ok && n.CmpAbs(big.NewInt(exact)) > 0 {
				return v.String()
			}
		}
		return v
	}
	return json.Marshal(walk(value))
}

// clean replaces what is no UTF-8, and NUL, which PostgreSQL does not take: the column must read as it was hashed.
func clean(text *string) {
	*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", "\uFFFD")
}

// prepare fills what is hashed and stored.
func (e *Event) prepare() (err error) {
	for _, column := range []*string{&e.PartitionID, &e.Action, (*string)(&e.Result), &e.ActorKind, &e.ActorID, &e.ActorName, &e.IPAddress, &e.RequestID, &e.ObjectKind, &e.ObjectID, &e.ObjectName,
		&e.Summary, &e.CAID} {
		clean(column)
	}
	e.Format, e.Time = canonicalFormat, e.Time.UTC().Truncate(time.Microsecond)
	e.DetailsText, err = e.Details.text()
	return err
}

func (Event) TableName() string { return "audit_events" }

// chain is the head of a partition's chain.
type chain struct {
	PartitionID string `gorm:"primaryKey"`
	Sequence    int64
	Hash        []byte
}

func (chain) TableName() string { return "audit_chains" }

// TimeFormat is how the time of an event is hashed and exported: UTC with microseconds.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// link is the hash of the event behind the one whose hash is previous.
func (e *Event) link(previous []byte) []byte {
	h := sha256.New()
	switch e.Format {
	case legacyFormat:
		h.Write(previous)
		h.Write(e.legacy())
	default:
		h.Write(e.canonical(previous))
	}
	return h.Sum(nil)
}

// canonical is the event as a JSON object in the form of RFC 8785: members in the order of their names, no white space.
// The details stand in it as they are stored.
func (e *Event) canonical(previous []byte) []byte {
	b := make([]byte, 0, 1280)
	text := func(name, value string) {
		b = append(append(append(b, ',', '"'), name...), '"', ':')
		quoted, err := jsontext.AppendQuote(b, value)
		if err != nil { // not UTF-8: prepare never stores that, so no hash may match it
			quoted = append(b, value...)
		}
		b = quoted
	}
	text("action", e.Action)
	b[0] = '{'
	text("actorId", e.ActorID)
	text("actorKind", e.ActorKind)
	text("actorName", e.ActorName)
	text("caId", e.CAID)
	b = append(append(b, `,"details":`...), e.DetailsText...)
	b = strconv.AppendInt(append(b, `,"format":`...), e.Format, 10)
	text("ipAddress", e.IPAddress)
	text("objectId", e.ObjectID)
	text("objectKind", e.ObjectKind)
	text("objectName", e.ObjectName)
	text("partitionId", e.PartitionID)
	text("previousHash", hex.EncodeToString(previous))
	text("requestId", e.RequestID)
	text("result", string(e.Result))
	b = strconv.AppendInt(append(b, `,"sequence":`...), e.Sequence, 10)
	text("summary", e.Summary)
	text("time", e.Time.UTC().Format(TimeFormat))
	return append(b, '}')
}

// legacy is what events were hashed over until release 0.1.0, behind the hash before it: the columns as a JSON array, as
// encoding/json writes it. The details were hashed as the text that was stored, so the stored text verifies whatever a
// map would make of it.
func (e *Event) legacy() []byte {
	array, _ := json.Marshal([]any{e.PartitionID, e.Sequence, e.Time.UTC().Format(TimeFormat), e.Action, e.Result, e.ActorKind, e.ActorID,
		e.ActorName, e.IPAddress, e.RequestID, e.ObjectKind, e.ObjectID, e.ObjectName, e.Summary, e.DetailsText}) // texts and a number never fail
	return array
}
