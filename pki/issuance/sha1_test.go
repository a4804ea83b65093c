package issuance_test

import "crypto/sha1" // RFC 6960 KeyHash

func sha1Of(b []byte) []byte {
	h := sha1.Sum(b)
	return h[:]
}
