package profile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

const minimal = `{"id":"web","name":"Web","group":"custom","kind":"SUBSCRIBER","allowedCATypes":["ISSUING"],"validity_period":"P1Y","usages":["2.5.29.15.0"]}`

// with replaces or adds members of the minimal profile.
func with(members string) string { return strings.TrimSuffix(minimal, "}") + "," + members + "}" }

func replaced(old, new string) string { return strings.Replace(minimal, old, new, 1) }

func TestDefaults(t *testing.T) {
	p, err := Parse([]byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	if !p.IgnoreUnknownExtensions || !p.ClientSideKeys || p.ServerSideKeys || p.IsCA() || len(p.KeyUsages()) != 1 ||
		p.KeyUsages()[0].Name != "Digital Signature" {
		t.Errorf("defaults: %+v", p)
	}
	p, err = Parse(
		[]byte(with(`"allowed_extensions":["2.5.29.32",{"oid":"1.2.3","critical":"OPTIONAL"}],"ignore_unknown_extensions":false`)),
	)
	if err != nil || p.IgnoreUnknownExtensions || p.AllowedExtensions[0].Critical != CriticalNever ||
		p.AllowedExtensions[1] != (AllowedExtension{"1.2.3", CriticalOptional}) {
		t.Errorf("allowed extensions: %+v, %v", p, err)
	}
	again, err := Parse(p.JSON())
	if err != nil || string(again.JSON()) != string(p.JSON()) {
		t.Errorf("JSON does not read back: %v\n%s", err, p.JSON())
	}
}

func TestRefusedProfiles(t *testing.T) {
	for text, field := range map[string]string{
		``:                          "json",
		`null`:                      "json",
		`[]`:                        "json",
		`{`:                         "json",
		minimal + `{}`:              "json",
		minimal + `x`:               "json",
		`{"id":"a\u0000"}`:          "id",
		"{\"id\":\"\xff\"}":         "json",
		strings.Repeat("[", 100):    "json",
		replaced(`"web"`, `"w"`):    "id",
		replaced(`"web"`, `"WEB"`):  "id",
		replaced(`"web"`, `"a_b"`):  "id",
		replaced(`"web"`, `7`):      "id",
		replaced(`"Web"`, `""`):     "name",
		replaced(`"Web"`, `"\n"`):   "name",
		replaced(`"custom"`, `"C"`): "group",
		replaced(`SUBSCRIBER`, `X`): "kind",
		replaced(`"ISSUING"`, ``):   "allowedCATypes",
		replaced(`ISSUING`, `ISS`):  "allowedCATypes[0]",
		replaced(`["ISSUING"]`, `["ROOT","ROOT"]`):                        "allowedCATypes[1]",
		replaced(`P1Y`, `1Y`):                                             "validity_period",
		replaced(`P1Y`, ``):                                               "validity_period",
		replaced(`P1Y`, `P0D`):                                            "validity_period",
		replaced(`P1Y`, `P99999Y`):                                        "validity_period",
		replaced(`P1Y`, `P1.5Y`):                                          "validity_period",
		replaced(`"2.5.29.15.0"`, ``):                                     "usages",
		replaced(`2.5.29.15.0`, `1.3.6.1.5.5.7.3.1`):                      "usages",
		replaced(`2.5.29.15.0`, `2.5.29.15.9`):                            "usages[0]",
		replaced(`2.5.29.15.0`, `2.5.29.15.10`):                           "usages[0]",
		replaced(`2.5.29.15.0`, `digitalSignature`):                       "usages[0]",
		replaced(`2.5.29.15.0`, `OID.1.2`):                                "usages[0]",
		replaced(`2.5.29.15.0`, `2.5.29.37`):                              "usages[0]",
		replaced(`2.5.29.15.0`, `2.5.29.15.5`):                            "usages",
		replaced(`2.5.29.15.0`, `2.5.29.15.7`):                            "usages",
		with(`"id":"b"`):                                                  "id",
		with(`"ID":"b"`):                                                  "ID",
		with(`"colour":"red"`):                                            "colour",
		with(`"max_validity_period":"x"`):                                 "max_validity_period",
		with(`"ca_constraint":{"cA":true}`):                               "ca_constraint.cA",
		with(`"ca_constraint":{"cA":true,"ca":1}`):                        "ca",
		with(`"ca_constraint":{"pathLenConstraint":0}`):                   "ca_constraint.pathLenConstraint",
		with(`"ca_constraint":{"pathlen":0}`):                             "pathlen",
		with(`"self_signed":true`):                                        "self_signed",
		with(`"allowed_extensions":["2.5.29.19"]`):                        "allowed_extensions[0]",
		with(`"allowed_extensions":["2.5.29.30"]`):                        "allowed_extensions[0]",
		with(`"allowed_extensions":["x"]`):                                "allowed_extensions[0]",
		with(`"allowed_extensions":[null]`):                               "allowed_extensions[0]",
		with(`"allowed_extensions":[{"oid":"1.2.3","critical":"MAYBE"}]`): "allowed_extensions[0].critical",
		with(`"allowed_extensions":[{"oid":"1.2.3","max":1}]`):            "allowed_extensions",
		with(`"allowed_extensions":["1.2.3","1.2.3"]`):                    "allowed_extensions[1]",
		with(`"server_side_keys":"yes"`):                                  "server_side_keys",
		with(`"client_side_keys":false`):                                  "client_side_keys",
		with(`"key_algorithms":["RSA-1024"]`):                             "key_algorithms[0]",
		with(`"required_san_types":["DNS"]`):                              "required_san_types[0]",
		with(`"certificate_policies":["x"]`):                              "certificate_policies[0]",
		with(`"extended_key_usage_critical":true`):                        "extended_key_usage_critical",
		with(`"description":"` + strings.Repeat("a", 2001) + `"`):         "description",
		with(`"description":"` + strings.Repeat("a", MaxLength) + `"`):    "json",
		with(`"usages":["2.5.29.15.0"],"x":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}`):    "usages",
		strings.Replace(minimal, "SUBSCRIBER", "AUTHORITY", 1)[:len(minimal)-2] + `,"ca_constraint":1}`: "ca_constraint",
	} {
		_, err := Parse([]byte(text))
		var refused *invalid.Error
		switch {
		case err == nil:
			t.Errorf("%.120s was accepted", text)
		case !errors.As(err, &refused):
			t.Errorf("%.120s: %T is not an *invalid.Error", text, err)
		case refused.Field != field:
			t.Errorf("%.120s: field %q (%s), want %q", text, refused.Field, refused.Message, field)
		}
	}
}

func TestValidityPeriods(t *testing.T) {
	for text, want := range map[string]bool{
		"P1Y": true, "PT8H": true, "P1000Y": true, "P1001Y": false, "PT9000000H": false, "P0Y0D": false, "P1H": false, "": false,
	} {
		if _, ok := readPeriod(text); ok != want {
			t.Errorf("%q is a validity period: %v", text, ok)
		}
	}
}

func TestBuiltinGroups(t *testing.T) {
	want := map[string]string{}
	for _, group := range []string{
		"cmp", "codesigning", "esim", "est", "intune", "mdmws", "mobile", "multiuse", "privatessl", "scep", "smartcard", "smime", "v2g",
		"wstep",
	} {
		want[group] = Subscriber
	}
	for _, group := range []string{"basic", "external", "intermediate", "issuing"} {
		want[group] = Authority
	}
	members := map[string]int{}
	for _, p := range Builtin() {
		members[p.Group]++
		if want[p.Group] != p.Kind {
			t.Errorf("%s: kind %s in group %s", p.ID, p.Kind, p.Group)
		}
		if p.Description == "" || p.Name == "" {
			t.Errorf("%s has no name or description", p.ID)
		}
		if found, ok := ByID(p.ID); !ok || found != p {
			t.Errorf("%s is not found by its ID", p.ID)
		}
		file, err := builtinFiles.ReadFile("builtin/" + p.ID + ".json")
		if err != nil {
			t.Errorf("%s does not lie in the file of its name", p.ID)
		}
		if again, err := Parse(p.JSON()); err != nil || string(again.JSON()) != string(p.JSON()) {
			t.Errorf("%s: its JSON does not read back: %v\n%s", p.ID, err, file)
		}
		if p.Kind == Subscriber && !slices.Equal(p.AllowedCATypes, []string{CATypeIssuing}) {
			t.Errorf("%s: end entities are certified by issuing CAs, not by %v", p.ID, p.AllowedCATypes)
		}
	}
	if len(Groups()) != len(want) {
		t.Errorf("%d groups, want %d", len(Groups()), len(want))
	}
	for _, group := range Groups() {
		if members[group.ID] == 0 || group.Title == "" || want[group.ID] != group.Kind {
			t.Errorf("group %+v has %d members", group, members[group.ID])
		}
	}
}

// The profiles named in Entrust's PKIaaS guide, with their properties.
func TestProfilesOfTheGuide(t *testing.T) {
	five := []string{
		"digital-signature", "digital-signature-key-encipherment", "digital-signature-key-encipherment-clientauth", "key-encipherment",
		"non-repudiation",
	}
	ids := []string{
		"basic-ca-root", "basic-ca-subord", "intermediate-ca-subord", "ocsp-signer", "azure-firewall-ca-subord",
		"intune-digital-signature", "wstep-digital-signature", "wstep-digital-signature-key-encipherment", "wstep-key-encipherment",
		"wstep-non-repudiation", "wstep-non-repudiation-key-encipherment", "multiuse-p12-key-encipherment-client-server",
		"privatessl-tls-server",
		"privatessl-tls-client", "privatessl-tls-client-server", "privatessl-tls-client-server-supply-san",
		"privatessl-tls-server-supply-san"}
	for _, suffix := range five {
		ids = append(ids, "mdmws-"+suffix, "mdmws-p12-"+suffix)
	}
	for _, id := range ids {
		p, ok := ByID(id)
		if !ok {
			t.Errorf("%s is missing", id)
			continue
		}
		if got, want := p.CopiesCommonNameToSAN, strings.HasSuffix(id, "supply-san"); got != want {
			t.Errorf("%s copies common names: %v", id, got)
		}
		if got, want := p.ServerSideKeys, strings.Contains(id, "-p12-"); got != want {
			t.Errorf("%s: keys of the service: %v", id, got)
		}
		if strings.HasPrefix(id, "wstep-") && (len(p.AllowedExtensions) != 7 || p.ValidityPeriod != "P1Y") {
			t.Errorf("%s: %v, %s", id, p.AllowedExtensions, p.ValidityPeriod)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	for _, p := range Builtin() {
		f.Add(p.JSON())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			var refused *invalid.Error
			if !errors.As(err, &refused) || refused.Field == "" {
				t.Fatalf("%T %v is not an *invalid.Error", err, err)
			}
			return
		}
		again, err := Parse(p.JSON())
		if err != nil || string(again.JSON()) != string(p.JSON()) {
			t.Fatalf("%s does not read back: %v", p.JSON(), err)
		}
		if changes := Diff(p, again); len(changes) > 0 {
			t.Fatalf("%s differs from what it reads back as: %v", p.JSON(), changes)
		}
		if problems := Problems(text, Given{}); len(problems) > 0 {
			t.Fatalf("%s is accepted and has problems: %+v", text, problems)
		}
	})
}
