package server

import "github.com/pkiaas/pkiaas/protocols/cagw"

// cagwProtocol is the CA Gateway.
func (a *App) cagwProtocol() cagw.Protocol {
	return cagw.Protocol{CAs: a.cas, Certificates: a.certificates, Enrollment: a.enrollment, Credentials: a.credentials, Log: a.log}
}
