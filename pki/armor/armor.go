// Package armor takes DER out of the forms in which people have it: PEM, also on one line or with lines of any system, bare
// base64, UTF-8 with a byte order mark, UTF-16, or the DER itself.
package armor

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
)

// Block is one piece of DER.
type Block struct {
	// Label is that of the PEM, "" for anything else.
	Label string
	DER   []byte
}

// IsPrivateKey tells whether a label is one of a private key. The content of such a block is left unread.
func (b Block) IsPrivateKey() bool { return strings.Contains(b.Label, "PRIVATE KEY") }

// What Read refuses; the errors are sentences without a subject, for "the PEM".
var (
	ErrEmpty   = errors.New("there is nothing")
	ErrUnknown = errors.New("neither PEM, base64 nor DER")
	ErrOpen    = errors.New("the PEM is damaged: a BEGIN line does not end with -----")
	ErrCut     = errors.New("the PEM is cut off: there is no END line for its BEGIN line; paste all of it")
	ErrBase64  = errors.New("the PEM is damaged: its content is not base64")
)

var (
	begin = []byte("-----BEGIN ")
	dash  = []byte("-----")
)

// Read finds every block. It stops at a private key, which is the last block then: whoever pastes one must hear of it,
// whatever else is wrong.
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

// plain turns UTF-16, with a byte order mark or of ASCII alone, into UTF-8, and drops the mark.
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

// isSpace tells of what stands between the characters of base64.
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
	// Line ends that a JSON string or an environment variable has kept as two characters.
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
