package issuance

import (
	"context"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/pkiaas/pkiaas/pki/extension"
)

var oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}

// SignRequest signs a PKCS #10 request (RFC 2986, DER) for the signer's own key, to obtain a certificate from another
// authority. The extensions become the attribute extensionRequest (RFC 2985 5.4.2), which is omitted if there are none.
func SignRequest(ctx context.Context, subject []byte, extensions []extension.Extension, s Signer) ([]byte, error) {
	if !isSequence(subject) || !isSequence(s.PublicKey()) {
		return nil, errors.New("subject and public key must each be one DER SEQUENCE")
	}
	if err := unique(extensions); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(subject)
		b.AddBytes(s.PublicKey())
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			if len(extensions) == 0 {
				return
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidExtensionRequest)
				b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						for _, e := range extensions {
							e.Add(b)
						}
					})
				})
			})
		})
	})
	tbs, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("cannot assemble the request: %w", err)
	}
	return sign(ctx, tbs, s)
}
