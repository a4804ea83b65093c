// Package protocols says what a protocol is: a name and its endpoints, each with the door it stands behind. Which ones
// there are is the list in server/protocols.go.
package protocols

import "net/http"

// Listener is the door.
type Listener string

const (
	TLS       Listener = "https"         // no client certificate is ever asked for
	Public    Listener = "http"          // plain HTTP: what relying parties read
	MutualTLS Listener = "https, client" // a client certificate is asked for; who has no credential is answered 401
)

// Endpoint is a pattern of http.ServeMux behind a door. Prefix endpoints get the path as it came, before ServeMux
// would clean it: OCSP by GET has slashes in its base64.
type Endpoint struct {
	Listener Listener
	Pattern  string // "GET /crl/{partition}/{ca}/crl.crl"
	Prefix   string // instead of Pattern: "/ocsp/"
	Handler  http.Handler
}

// Protocol is one way in beside GraphQL.
type Protocol interface {
	Name() string
	Endpoints() []Endpoint
}
