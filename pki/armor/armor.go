// Package armor extracts DER from the forms in which people have it: PEM, also on one line or with any line endings,
// bare base64, UTF-8 with a byte order mark, UTF-16, or DER itself.
package armor

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
)

// Block is a piece of DER.
type Block struct {
	// Label is the label of the PEM block, "" for other forms.
	Label string
	DER   []byte
}

// IsPrivateKey tells whether the label is that of a private key. Read does not decode such blocks.
func (b Block) IsPrivateKey() bool { return strings.Contains(b.Label, "PRIVATE KEY") }

// These are the errors of Read.
var (
	ErrEmpty   = errors.New("the input is empty")
	ErrUnknown = errors.New("the input is neither PEM, base64 nor DER")
	ErrOpen    = errors.New("the PEM is damaged: a BEGIN line does not end with -----")
	ErrCut     = errors.New("the PEM is cut off: the END line for its BEGIN line is missing")
	ErrBase64  = errors.New("the PEM is damaged: its content is not base64")
)

var (
	begin = []byte("-----BEGIN ")
	dash  = []byte("-----")
)

// Read returns all blocks. It stops after a private key, so that users who paste one learn about it whatever else is
// wrong.
func Read(text []byte) ([]Block, error) {
	text = plain(text)
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return nil, ErrEmpty
	case text[0] == 0x30 && !isBase64(trimmed):
		return []Block{{DER: text}}, nil
	case bytes.Contains(trimmed, begin):
		return readPEM(trimmed)
	}
	der, ok := decode(trimmed)
	if !ok {
		return nil, ErrUnknown
	}
	return []Block{{DER: der}}, nil
}

func readPEM(text []byte) (blocks []Block, err error) {
	for at := bytes.Index(text, begin); at >= 0; at = bytes.Index(text, begin) {
		text = text[at+len(begin):]
		end := bytes.Index(text, dash)
		if end < 0 || end > 64 {
			return nil, ErrOpen
		}
		b := Block{Label: string(text[:end])}
		text = text[end+len(dash):]
		if b.IsPrivateKey() {
			return append(blocks, b), nil
		}
		closing := []byte("-----END " + b.Label + "-----")
		stop := bytes.Index(text, closing)
		if stop < 0 {
			return nil, ErrCut
		}
		var ok bool
		if b.DER, ok = decode(text[:stop]); !ok {
			return nil, ErrBase64
		}
		text = text[stop+len(closing):]
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// plain converts UTF-16, with a byte order mark or of ASCII alone, to UTF-8, and removes the mark.
func plain(text []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		order, text = binary.LittleEndian, text[2:]
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order, text = binary.BigEndian, text[2:]
	case len(text) > 3 && text[0] != 0 && text[0] < 0x80 && text[1] == 0 && text[2] != 0 && text[3] == 0:
		order = binary.LittleEndian
	case len(text) > 3 && text[0] == 0 && text[1] != 0 && text[1] < 0x80 && text[2] == 0 && text[3] != 0:
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// isSpace tells whether c may separate characters of base64.
func isSpace(c byte) bool { return c == '\n' || c == '\r' || c == ' ' || c == '\t' }

func isBase64(text []byte) bool {
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/', c == '=', isSpace(c):
		default:
			return false
		}
	}
	return true
}

func decode(text []byte) ([]byte, bool) {
	// JSON strings and environment variables may contain line endings as two characters.
	text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`\r`), []byte(" ")), []byte(`\n`), []byte(" "))
	packed := make([]byte, 0, len(text))
	for _, c := range text {
		if !isSpace(c) {
			packed = append(packed, c)
		}
	}
	packed = bytes.TrimRight(packed, "=")
	der := make([]byte, base64.RawStdEncoding.DecodedLen(len(packed)))
	n, err := base64.RawStdEncoding.Decode(der, packed)
	return der[:n], err == nil && n > 0
}
