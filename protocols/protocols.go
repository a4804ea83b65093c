// Package protocols says what a protocol is: a name and its endpoints, each with its listener and with who may speak to it.
// Which protocols there are is the list in server/http.go.
package protocols

import (
	"net/http"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Listener is what an endpoint is reached by.
type Listener string

const (
	TLS       Listener = "https"         // no client certificate is ever asked for
	Public    Listener = "http"          // plain HTTP: what relying parties read
	MutualTLS Listener = "https, client" // a client certificate is asked for, and any is accepted: see Authentication
)

// Endpoint is a pattern of http.ServeMux on a listener. Prefix endpoints get the path as it came, before ServeMux
// would clean it: OCSP by GET has slashes in its base64.
type Endpoint struct {
	Listener       Listener
	Pattern        string // "GET /crl/{partition}/{ca}/crl.crl"
	Prefix         string // instead of Pattern: "/ocsp/"
	Authentication Authentication
	Handler        http.Handler
}

// Origin is where a request came from, for events and limits.
type Origin struct{ IPAddress, RequestID string }

// Authentication establishes the caller of an endpoint. It belongs to the endpoint and not to its listener, because each
// protocol knows its clients by other means: a gateway credential, a certificate that the protocol itself issued, a secret.
type Authentication struct {
	// Caller finds out who sent a request from its connection (r.TLS.PeerCertificates on MutualTLS: the client has the key, and
	// nothing else is verified) and its headers. An error refuses the request. Until it succeeds the request is charged to its
	// address, then to the partition of the actor.
	//
	// nil: nobody is established. Either anybody may ask, or the handler finds out who speaks from what it reads, and limits the
	// requests itself. On MutualTLS such requests are charged to their address all the same.
	Caller func(r *http.Request, from Origin) (*rbac.Actor, error)
	// Refuse writes why a request was not let in, in the words of the protocol. nil: PlainError.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
}

// Refused answers a request that was not let in.
func (a Authentication) Refused(w http.ResponseWriter, r *http.Request, err error) {
	if a.Refuse == nil {
		PlainError(w, err)
		return
	}
	a.Refuse(w, r, err)
}

// ErrHeadersTooLarge is the refusal of a request whose headers are longer than a listener takes.
var ErrHeadersTooLarge = fault.New(fault.Invalid, "the headers of the request are too long")

// Protocol is one way in beside GraphQL.
type Protocol interface {
	Name() string
	Endpoints() []Endpoint
}
