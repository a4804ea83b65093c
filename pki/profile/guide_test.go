package profile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

// TestDefaultValidity: 3 years, as in Entrust's PKIaaS guide, and 1 year for Windows enrollment; only the lifetimes of
// ISO 15118-2 differ.
func TestDefaultValidity(t *testing.T) {
	others := map[string]string{
		"v2g-certificate-provisioning": "P3M",
		"v2g-contract":                 "P2Y",
		"v2g-oem-provisioning":         "P20Y",
		"v2g-user-identity":            "P2Y",
	}
	for _, p := range Builtin() {
		want := "P3Y"
		switch {
		case p.Kind != Subscriber:
			continue
		case p.Group == "wstep":
			want = "P1Y"
		case others[p.ID] != "":
			want = others[p.ID]
		}
		if p.ValidityPeriod != want {
			t.Errorf("%s: %s, want %s", p.ID, p.ValidityPeriod, want)
		}
	}
	if p, _ := ByID("azure-firewall-ca-subord"); p.ValidityPeriod != "P1Y" {
		t.Errorf("azure-firewall-ca-subord: %s, the guide says 1 year", p.ValidityPeriod)
	}
}

// TestTheGuidesForm: JSON with the types of CA as named in Entrust's PKIaaS guide, and identifier and group given
// outside.
func TestTheGuidesForm(t *testing.T) {
	const text = `{"allowedCATypes":["root","externalKey","intermediate","subord"],"validity_period":"P2Y","usages":["2.5.29.15.0","1.3.6.1.5.5.7.3.2"],
		"allowed_extensions":["2.5.29.32"],"ignore_unknown_extensions":false,"ca_constraint":{"cA":false}}`
	given := Given{ID: "corp-web", Name: "Corp", Group: "corp"}
	p, err := ParseGiven([]byte(text), given)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "corp-web" || p.Name != "Corp" || p.Group != "corp" || p.Kind != Subscriber || p.IgnoreUnknownExtensions ||
		!slices.Equal(p.AllowedCATypes, []string{CATypeRoot, CATypeExternalRoot, CATypeIntermediate, CATypeIssuing}) {
		t.Errorf("%+v", p)
	}
	if again, err := Parse(p.JSON()); err != nil || len(Diff(p, again)) > 0 {
		t.Errorf("what is kept does not read back: %v", err)
	}
	if problems := Problems([]byte(text), given); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
	// Values in the JSON take precedence.
	if p, err = ParseGiven([]byte(with(`"allowed_extensions":[]`)), given); err != nil || p.ID != "web" || p.Group != "custom" {
		t.Errorf("%v, %v", p, err)
	}
	for changed, field := range map[string]string{
		strings.Replace(text, `"root"`, `"Root"`, 1):             "allowedCATypes[0]",
		strings.Replace(text, `"root"`, `"subord"`, 1):           "allowedCATypes[3]",
		strings.Replace(text, `"root"`, `"ISSUING"`, 1):          "allowedCATypes[3]",
		strings.Replace(text, `{"cA":false}`, `{"cA":true}`, 1):  "ca_constraint.cA",
		strings.Replace(text, `"usages"`, `"key_usages"`, 1):     "key_usages",
		strings.Replace(text, `"P2Y"`, `"P2Y","kind":"CA"`, 1):   "kind",
		strings.Replace(text, `"P2Y"`, `"P2Y","group":"C D"`, 1): "group",
	} {
		var refused *invalid.Error
		if _, err := ParseGiven([]byte(changed), given); !errors.As(err, &refused) || refused.Field != field {
			t.Errorf("%s: %v, want a refusal of %s", changed, err, field)
		}
	}
	if _, err := Parse([]byte(text)); err == nil {
		t.Error("nobody said which profile it is")
	}
}

func TestSelectable(t *testing.T) {
	for _, p := range Builtin() {
		want := p.Kind == Subscriber ||
			slices.Contains(
				[]string{
					"external-ca-cross", "external-ca-subord", "azure-firewall-ca-subord", "basic-ca-subord", "intermediate-ca-subord",
				},
				p.ID,
			)
		if p.Selectable() != want {
			t.Errorf("%s: %v", p.ID, p.Selectable())
		}
	}
}
