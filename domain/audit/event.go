// Package audit is the append-only record of every change, sign-in and refusal. It is also the source of live events.
// Each partition has its own hash chain, so no event can be removed or altered unnoticed.
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

// Result of the recorded action.
type Result string

const (
	Success Result = "SUCCESS"
	Refused Result = "REFUSED" // invalid input, missing permission or policy
	Failed  Result = "FAILED"  // an internal error, or a dependency is unavailable
)

// PlatformChain is the chain of events that belong to no partition.
const PlatformChain = ""

// Event is one row of the log. The caller sets Action, PartitionID, the object, Summary and Details; actor, origin and
// time come from the context. No field may contain a secret. Summary starts with a verb in the past tense, such as
// "changed the notification settings".
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
	// Details is set by the caller and returned to readers. DetailsText is the stored text of the column. The hash
	// covers that text, because decoding and encoding it again could change it.
	Details     Details `gorm:"-"`
	DetailsText string  `gorm:"column:details"`
	Hash        []byte
	// PreviousHash is the hash of the preceding event, empty for the first one. List, After and Each set it.
	PreviousHash []byte `gorm:"-"`
	// Format says what the hash covers: see canonical and legacy.
	Format int64
	// CAID is the CA whose certificate was issued or changed by this action. The change feed of a CA is read by it.
	CAID string `gorm:"column:ca_id"`
}

// These are the formats of the hash.
const (
	legacyFormat    = 1 // until release 0.1.0
	canonicalFormat = 2
)

// Details are facts of an event that have no column of their own, such as values before and after, reasons and serial
// numbers. They are stored as JSON in the form of RFC 8785.
type Details map[string]any

// AfterFind decodes the details of a row. Corrupt details decode as nothing; Verify reports them.
func (e *Event) AfterFind(*gorm.DB) error {
	if json.Unmarshal([]byte(e.DetailsText), &e.Details) != nil || e.Details == nil {
		e.Details = Details{}
	}
	return nil
}

// VerbatimDetails returns the details as stored if the hash covers exactly these bytes rather than their canonical
// form: events of releases up to 0.1.0. It returns nil for all others.
func (e *Event) VerbatimDetails() *string {
	if e.Format != legacyFormat {
		return nil
	}
	return &e.DetailsText
}

// exact is the largest integer that a JSON number represents exactly (RFC 7493 section 2.2).
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

// quoteLong writes integers as strings if a JSON number would round them.
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

// clean replaces invalid UTF-8 and NUL, which PostgreSQL rejects, so that the column reads back as it was hashed.
func clean(text *string) {
	*text = strings.ReplaceAll(strings.ToValidUTF8(*text, "\uFFFD"), "\x00", "\uFFFD")
}

// prepare sets the fields that are hashed and stored.
func (e *Event) prepare() (err error) {
	for _, column := range []*string{
		&e.PartitionID, &e.Action, (*string)(&e.Result), &e.ActorKind, &e.ActorID, &e.ActorName, &e.IPAddress, &e.RequestID, &e.ObjectKind,
		&e.ObjectID, &e.ObjectName,
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

// TimeFormat is the format in which event times are hashed and exported: UTC with microseconds.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// link returns the hash of the event that follows the one with the hash previous.
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

// canonical returns the event as a JSON object in the form of RFC 8785: members sorted by name, no white space. The
// details are included as stored.
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

// legacy returns what the hash covered, after the previous hash, up to release 0.1.0: the columns as a JSON array
// written by encoding/json. The stored text of the details was hashed, so it verifies regardless of how it decodes.
func (e *Event) legacy() []byte {
	array, _ := json.Marshal([]any{e.PartitionID, e.Sequence, e.Time.UTC().Format(TimeFormat), e.Action, e.Result, e.ActorKind, e.ActorID,
		// marshalling strings and a number never fails
		e.ActorName, e.IPAddress, e.RequestID, e.ObjectKind, e.ObjectID, e.ObjectName, e.Summary, e.DetailsText})
	return array
}
