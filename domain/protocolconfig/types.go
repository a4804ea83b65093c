package protocolconfig

import (
	"encoding/json"
	"slices"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/profile"
)

// TypeID names an enrollment protocol in rows and in GraphQL.
type TypeID string

const ACME TypeID = "ACME" // RFC 8555

// Type is an enrollment protocol that can be configured.
type Type struct {
	ID TypeID
	// Name in lower case: the folder in protocols/, the source of the certificates, and the beginning of the path.
	Name  string
	Label string // for people
	// Groups of profiles; a configuration has one profile of one of them.
	Groups []string
	// Vouches is as whom the protocol answers for claims about identity in what its clients send: profile.Nobody where it
	// does not know them from elsewhere. Every type must say it.
	Vouches profile.Source
	// CheckSettings refuses, with Invalid, settings that are not the type's. nil: the type has none.
	CheckSettings func(settings json.RawMessage) error
}

// types is all of them, in the order in which the console offers them. A new protocol is a line here, a folder in
// protocols/ and a line in the console's frontend/src/features/protocols/types.tsx.
var types = []*Type{
	{ID: ACME, Name: "acme", Label: "ACME", Groups: []string{"privatessl"}, Vouches: profile.Nobody, CheckSettings: checkACME},
}

// Types lists the enrollment protocols.
func Types() []*Type { return slices.Clone(types) }

// TypeByID returns a type, nil when there is none of that name.
func TypeByID(id TypeID) *Type {
	if n := slices.IndexFunc(types, func(t *Type) bool { return t.ID == id }); n >= 0 {
		return types[n]
	}
	return nil
}

// Fits tells whether a configuration of the type can issue under the profile.
func (t *Type) Fits(p *profile.Profile) bool {
	return p.Kind == profile.Subscriber && slices.Contains(t.Groups, p.Group)
}

func (t *Type) checkSettings(settings string) error {
	var object map[string]any
	if len(settings) > 64<<10 || json.Unmarshal([]byte(settings), &object) != nil || object == nil {
		return fault.New(fault.Invalid, "settings are a JSON object of at most 64 KiB").At("settings")
	}
	if t.CheckSettings != nil {
		return t.CheckSettings(json.RawMessage(settings))
	}
	if len(object) > 0 {
		return fault.New(fault.Invalid, "%s has no settings", t.Label).At("settings")
	}
	return nil
}
