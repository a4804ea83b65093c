package profile

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed builtin/*.json
var builtinFiles embed.FS

// Schema is the JSON Schema (draft 2020-12) of a profile.
//
//go:embed schema.json
var Schema []byte

// Group is a set of profiles for one use. Each profile belongs to exactly one.
type Group struct {
	ID string
	// Kind is Authority or Subscriber.
	Kind  string
	Title string
}

var groups = []Group{
	{"basic", Authority, "Roots and services"},
	{"external", Authority, "External CAs"},
	{"intermediate", Authority, "Intermediate CAs"},
	{"issuing", Authority, "Issuing CAs"},
	{"cmp", Subscriber, "CMP"},
	{"codesigning", Subscriber, "Code signing"},
	{"esim", Subscriber, "eSIM"},
	{"est", Subscriber, "EST"},
	{"intune", Subscriber, "Microsoft Intune"},
	{"mdmws", Subscriber, "Mobile device management"},
	{"mobile", Subscriber, "Mobile devices"},
	{"multiuse", Subscriber, "Multi-use"},
	{"privatessl", Subscriber, "Private TLS and ACME"},
	{"scep", Subscriber, "SCEP"},
	{"smartcard", Subscriber, "Smart cards"},
	{"smime", Subscriber, "S/MIME secure email"},
	{"v2g", Subscriber, "Vehicle to grid"},
	{"wstep", Subscriber, "Windows enrollment"},
}

// Groups returns the groups of the built-in profiles, authorities first, and otherwise in alphabetical order.
func Groups() []Group { return slices.Clone(groups) }

// builtins are parsed once. A broken file is a build error, which the first test finds.
var builtins, builtinByID = load()

func load() ([]*Profile, map[string]*Profile) {
	names, err := fs.Glob(builtinFiles, "builtin/*.json")
	if err != nil {
		panic(err)
	}
	all := make([]*Profile, 0, len(names))
	byID := map[string]*Profile{}
	for _, file := range names {
		text, err := builtinFiles.ReadFile(file)
		if err != nil {
			panic(err)
		}
		p, err := Parse(text)
		if err != nil {
			panic(fmt.Sprintf("profile: %s: %v", file, err))
		}
		all = append(all, p)
		byID[p.ID] = p
	}
	order := func(p *Profile) int {
		return slices.IndexFunc(groups, func(g Group) bool { return g.ID == p.Group })
	}
	slices.SortFunc(all, func(a, b *Profile) int {
		if by := order(a) - order(b); by != 0 {
			return by
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all, byID
}

// Builtin returns the system profiles by group and ID. They are shared: callers must not change them.
func Builtin() []*Profile { return slices.Clone(builtins) }

// ByID finds a system profile. It is shared: callers must not change it.
func ByID(id string) (*Profile, bool) {
	p, ok := builtinByID[id]
	return p, ok
}
