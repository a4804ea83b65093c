package san

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pkiaas/pkiaas/pki/invalid"
)

func TestDeviceNamesOnTheWire(t *testing.T) {
	for _, c := range []struct{ value, der string }{
		// RFC 4043: SEQUENCE { UTF8String "ABCDEF123456", OID 1.2.3.4 } and without the assigner.
		{"1.3.6.1.5.5.7.8.3;ID:ABCDEF123456", "300e0c0c414243444546313233343536"},
		{"1.3.6.1.5.5.7.8.3;ID:ABCDEF123456/1.2.3.4", "30130c0c41424344454631323334353606032a0304"},
		// RFC 4108: SEQUENCE { OID 1.2.3.4, OCTET STRING "ABCD" }.
		{"1.3.6.1.5.5.7.8.4;ID:ABCD/1.2.3.4", "300b06032a0304040441424344"},
		// Names without a text form stay DER: a slash in the identifier, no identifier, a binary serial number.
		{"1.3.6.1.5.5.7.8.3;DER:30050c03612f62", "30050c03612f62"},
		{"1.3.6.1.5.5.7.8.3;DER:300506032a0304", "300506032a0304"},
		{"1.3.6.1.5.5.7.8.4;DER:300906032a03040402ff00", "300906032a03040402ff00"},
	} {
		oid, _, _ := strings.Cut(c.value, ";")
		for _, written := range []string{c.value, oid + ";DER:" + c.der} {
			g, err := Parse(OtherName, written, "sans[0]")
			if err != nil || g != (GeneralName{OtherName, c.value}) {
				t.Errorf("%q reads as %+v, %v, want %q", written, g, err, c.value)
				continue
			}
			der := MarshalDER([]GeneralName{g})
			if !strings.HasSuffix(hex.EncodeToString(der), c.der) {
				t.Errorf("%q is written as %x, want the value %s", written, der, c.der)
			}
			if back, err := FromDER(der); err != nil || !slices.Equal(back, []GeneralName{g}) {
				t.Errorf("%q comes back as %+v, %v", written, back, err)
			}
		}
	}
}

func TestDeviceNames(t *testing.T) {
	p, err := ParsePermanentIdentifier("C02XK1ABJGH6/1.2.3.4", "identifiers[0]")
	if err != nil || p.Value != "C02XK1ABJGH6" || !p.Assigner.Equal(
		asn1.ObjectIdentifier{1, 2, 3, 4},
	) || p.String() != "C02XK1ABJGH6/1.2.3.4" {
		t.Fatalf("%+v, %v", p, err)
	}
	g, err := p.GeneralName()
	if back, ok := g.PermanentIdentifier(); err != nil || !ok || !back.Equal(p) {
		t.Errorf("%v, %v comes back as %+v", g, err, back)
	}
	if _, ok := g.HardwareModule(); ok {
		t.Error("a permanent identifier is read as a hardware module")
	}
	if bare := (PermanentIdentifier{Value: p.Value}); bare.Equal(p) || p.Equal(bare) {
		t.Error("the same value of another assigner is taken for the same device")
	}
	h, err := ParseHardwareModule("ABCD/1.2.3.4", "identifiers[0]")
	if err != nil || string(h.Serial) != "ABCD" || h.String() != "ABCD/1.2.3.4" {
		t.Fatalf("%+v, %v", h, err)
	}
	for _, h := range []HardwareModule{h, {h.Type, []byte{0xff, 0}}} {
		g, err := h.GeneralName()
		if back, ok := g.HardwareModule(); err != nil || !ok || !back.Equal(h) {
			t.Errorf("%v, %v comes back as %+v", g, err, back)
		}
	}
	if _, err := (HardwareModule{}).GeneralName(); err == nil {
		t.Error("a module without type and serial is a name")
	}
	for _, g := range []GeneralName{
		{DNSName, "a.example"}, {OtherName, "1.2.3;UTF8:a"}, {OtherName, "1.3.6.1.5.5.7.8.3;DER:300506032a0304"}, {OtherName, "nonsense"},
	} {
		if _, ok := g.PermanentIdentifier(); ok {
			t.Errorf("%v is read as a permanent identifier", g)
		}
	}
}

func TestRefusedDeviceNames(t *testing.T) {
	for _, text := range []string{
		"", "/", "/1.2.3", "a/", "a/b", "a/1", "a/3.1", "a/1.40", "a/1.02", "a/OID.1.2.3", "a/1.2.3/4", "a\x00", "a\nb", "a\u202eb",
		"\xff", strings.Repeat("a", MaxDeviceID+1),
	} {
		var refusal *invalid.Error
		if p, err := ParsePermanentIdentifier(text, "identifiers[1]"); !errors.As(err, &refusal) || refusal.Field != "identifiers[1]" ||
			refusal.Message == "" {
			t.Errorf("%q is the permanent identifier %+v, %v", text, p, err)
		}
		if h, err := ParseHardwareModule(text, "identifiers[1]"); !errors.As(err, &refusal) {
			t.Errorf("%q is the hardware module %+v, %v", text, h, err)
		}
		for _, oid := range []string{"1.3.6.1.5.5.7.8.3", "1.3.6.1.5.5.7.8.4"} {
			if g, err := Parse(OtherName, oid+";ID:"+text, "sans[0]"); err == nil {
				t.Errorf("%q of %s was accepted as %+v", text, oid, g)
			}
		}
	}
	if h, err := ParseHardwareModule("ABCD", "x"); err == nil || !strings.Contains(err.Error(), "serial/type") {
		t.Errorf("a serial without type is %+v, %v", h, err)
	}
	for _, value := range []string{
		"1.3.6.1.5.5.7.8.3;UTF8:a", "1.3.6.1.5.5.7.8.3;DER:0c0161", "1.3.6.1.5.5.7.8.3;DER:30020c00", "1.3.6.1.5.5.7.8.3;DER:30030c0100",
		"1.3.6.1.5.5.7.8.3;DER:30060c01610c0161",
		"1.3.6.1.5.5.7.8.4;UTF8:a", "1.3.6.1.5.5.7.8.4;DER:3000", "1.3.6.1.5.5.7.8.4;DER:300706032a03040400", "1.2.3;ID:a",
	} {
		if g, err := Parse(OtherName, value, "sans[0]"); err == nil {
			t.Errorf("%q was accepted as %+v", value, g)
		}
	}
}
