package acme

import (
	"fmt"
	"time"
)

// Problem is an error of the protocol (RFC 7807, RFC 8555 6.7). It is kept with the challenge or order that it ended.
type Problem struct {
	Type        string      `json:"type"` // the last part of the URN: "badNonce"
	Detail      string      `json:"detail"`
	Identifier  *Identifier `json:"identifier,omitempty"`
	Subproblems []*Problem  `json:"subproblems,omitempty"`

	Status     int           `json:"-"` // of HTTP, where it is not that of the type
	Location   string        `json:"-"` // id of the account that has the key already
	RetryAfter time.Duration `json:"-"`
	Algorithms []string      `json:"-"` // of badSignatureAlgorithm
	Paused     bool          `json:"-"` // somebody has disabled what is asked for: nothing is out of order
}

func (p *Problem) Error() string { return p.Detail }

// NewProblem makes a problem; the types are those of RFC 8555 6.7 and of the RFCs that add to it.
func NewProblem(typ, format string, args ...any) *Problem {
	return &Problem{Type: typ, Detail: fmt.Sprintf(format, args...)}
}

// pause is how long a client should wait for what somebody has disabled. Nobody knows when it is enabled again.
const pause = time.Minute

// Paused is the answer while a CA or a configuration is disabled: clients that wait succeed later.
func Paused(says string) *Problem {
	p := NewProblem("serverInternal", "%s", says)
	p.Status, p.RetryAfter, p.Paused = 503, pause, true
	return p
}

func (p *Problem) of(id Identifier) *Problem { p.Identifier = &id; return p }

func malformed(format string, args ...any) *Problem { return NewProblem("malformed", format, args...) }

func unauthorized(format string, args ...any) *Problem {
	return NewProblem("unauthorized", format, args...)
}
