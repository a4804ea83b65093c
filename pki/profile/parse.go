package profile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/pki/invalid"
	"github.com/pkiaas/pkiaas/pki/name"
)

// Parse reads and checks the JSON of a profile, see schema.json. It refuses unknown members, so that a misspelt rule is
// not silently ignored. Errors are *invalid.Error with the JSON path as field.
func Parse(text []byte) (*Profile, error) { return ParseGiven(text, Given{}) }

// Given holds what is stated beside the JSON of a profile, which may then omit it.
type Given struct{ ID, Name, Group string }

// ParseGiven is Parse for JSON that omits what is given beside it.
func ParseGiven(text []byte, given Given) (*Profile, error) {
	p, err := read(text, given)
	if err != nil {
		return nil, err
	}
	if problems := p.check(); len(problems) > 0 {
		return nil, problems[0]
	}
	return p, nil
}

// Problem is a problem in the JSON of a profile.
type Problem struct {
	// Path is the member, e.g. "usages[0]", or "json" for the whole.
	Path    string
	Message string
	// Line starts at 1; 0 if unknown.
	Line int
}

// Problems lists what ParseGiven refuses, for people who write profiles: one problem per group of rules instead of only
// the first.
func Problems(text []byte, given Given) []Problem {
	p, err := read(text, given)
	found := []error{err}
	if err == nil {
		found = p.check()
	}
	var problems []Problem
	for _, err := range found {
		problem := Problem{Path: "json", Message: err.Error()}
		var refusal *invalid.Error
		if errors.As(err, &refusal) {
			problem.Path, problem.Message = refusal.Field, refusal.Message
		}
		problem.Line = lineOf(text, problem.Path, err)
		problems = append(problems, problem)
	}
	return problems
}

// syntax records where a text stops being JSON.
type syntax struct {
	refusal *invalid.Error
	offset  int64
}

func (s *syntax) Error() string { return s.refusal.Error() }
func (s *syntax) Unwrap() error { return s.refusal }

func lineOf(text []byte, path string, err error) int {
	var broken *syntax
	if errors.As(err, &broken) {
		return 1 + bytes.Count(text[:min(int(broken.offset), len(text))], []byte("\n"))
	}
	member := path
	if i := strings.IndexAny(path, ".["); i > 0 {
		member = path[:i]
	}
	found := regexp.MustCompile(`"` + regexp.QuoteMeta(member) + `"\s*:`).FindIndex(text)
	if found == nil {
		return 0
	}
	return 1 + bytes.Count(text[:found[0]], []byte("\n"))
}

// caTypes are the types of CA by their names in profiles of Entrust's PKIaaS guide.
var caTypes = map[string]string{
	"root": CATypeRoot, "externalKey": CATypeExternalRoot, "intermediate": CATypeIntermediate, "subord": CATypeIssuing,
}

// read checks only the structure: members and their types.
func read(text []byte, given Given) (*Profile, error) {
	if len(text) > MaxLength {
		return nil, invalid.New("json", "The profile has %d bytes, but at most %d are allowed.", len(text), MaxLength)
	}
	if !utf8.Valid(text) {
		return nil, invalid.New("json", "The profile is not valid UTF-8.")
	}
	if err := uniqueMembers(text); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var d document
	if err := decoder.Decode(&d); err != nil {
		return nil, jsonError(err)
	}
	for n, name := range d.AllowedCATypes {
		d.AllowedCATypes[n] = cmp.Or(caTypes[name], name)
	}
	p := &Profile{
		ID: cmp.Or(d.ID, given.ID), Name: cmp.Or(d.Name, given.Name), Group: cmp.Or(d.Group, given.Group),
		Kind: cmp.Or(d.Kind, Subscriber), Description: d.Description, AllowedCATypes: d.AllowedCATypes,
		ValidityPeriod: d.ValidityPeriod, MaxValidityPeriod: d.MaxValidityPeriod, Usages: d.Usages,
		ExtendedKeyUsageCritical: d.ExtendedKeyUsageCritical, AllowedExtensions: d.AllowedExtensions,
		IgnoreUnknownExtensions: d.IgnoreUnknownExtensions == nil || *d.IgnoreUnknownExtensions,
		CAConstraint:            d.CAConstraint, SelfSigned: d.SelfSigned, ServerSideKeys: d.ServerSideKeys,
		ClientSideKeys: d.ClientSideKeys == nil || *d.ClientSideKeys, KeyAlgorithms: d.KeyAlgorithms,
		CopiesCommonNameToSAN: d.CopiesCommonNameToSAN, RequiredSANTypes: d.RequiredSANTypes,
		CertificatePolicies: d.CertificatePolicies, OCSPNoCheck: d.OCSPNoCheck,
		SubjectRules: d.SubjectRules, OtherSubjectAttributes: d.OtherSubjectAttributes, SANRules: d.SANRules,
	}
	if p.IdentityClaimsFrom = d.IdentityClaimsFrom; p.IdentityClaimsFrom == nil {
		p.IdentityClaimsFrom = []Source{Person}
	}
	for i := range p.SubjectRules {
		if p.SubjectRules[i].Presence == "" {
			p.SubjectRules[i].Presence = Optional
		}
	}
	return p, nil
}

// uniqueMembers refuses duplicate members, of which encoding/json would take the last, anything after the object, and
// deep nesting.
func uniqueMembers(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		object bool
		key    bool
		seen   map[string]bool
	}
	var levels []level
	for {
		token, err := decoder.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return invalid.New("json", "The profile is empty or incomplete.")
			}
			return jsonError(err)
		}
		if len(levels) > 0 {
			top := &levels[len(levels)-1]
			if member, ok := token.(string); ok && top.object && top.key {
				if folded := strings.ToLower(member); top.seen[folded] {
					return invalid.New(path(member), "This member is a duplicate.")
				} else {
					top.seen[folded] = true
				}
				top.key = false
				continue
			}
			top.key = top.object
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if len(levels) == 8 {
				return invalid.New("json", "The profile is nested too deeply.")
			}
			levels = append(levels, level{object: token == json.Delim('{'), key: true, seen: map[string]bool{}})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
			if len(levels) > 0 {
				levels[len(levels)-1].key = levels[len(levels)-1].object
			}
		}
		if len(levels) == 0 {
			if token != json.Delim('}') {
				return invalid.New("json", "A profile must be a JSON object.")
			}
			if decoder.More() || len(bytes.TrimSpace(text[decoder.InputOffset():])) > 0 {
				return invalid.New("json", "There is text after the profile.")
			}
			return nil
		}
	}
}

// path returns the field of a member: its name, if that is short and printable.
func path(member string) string {
	if member == "" || len(member) > 64 || name.UnsafeText(member) != "" {
		return "json"
	}
	return member
}

func jsonError(err error) error {
	var wrongType *json.UnmarshalTypeError
	var refusal *invalid.Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &wrongType):
		field := wrongType.Field
		if field == "" {
			field = "json"
		}
		return invalid.New(path(field), "The value is a %s, but must be a %s.", wrongType.Value, jsonType(wrongType.Type.Kind().String()))
	}
	if _, member, ok := strings.Cut(err.Error(), "unknown field "); ok {
		member = strings.Trim(member, `"`)
		return invalid.New(path(member), "This member does not exist in a profile. See the JSON Schema for those that do.")
	}
	refused := invalid.New("json", "The profile is not valid JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
	var broken *json.SyntaxError
	if errors.As(err, &broken) {
		return &syntax{refused, broken.Offset}
	}
	return refused
}

func jsonType(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "slice":
		return "list"
	case "struct", "ptr", "map":
		return "object"
	case "int":
		return "whole number"
	}
	return kind
}

// UnmarshalJSON reads both forms of an allowed extension.
func (a *AllowedExtension) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		a.Critical = CriticalNever
		return json.Unmarshal(text, &a.OID)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var object allowedExtensionJSON
	if err := decoder.Decode(&object); err != nil {
		return invalid.New("allowed_extensions", "An entry must be an OID, or an object with \"oid\" and \"critical\".")
	}
	a.OID, a.Critical = object.OID, object.Critical
	if a.Critical == "" {
		a.Critical = CriticalNever
	}
	return nil
}
