package server

import "github.com/pkiaas/pkiaas/domain/protocolconfig"

// enrollmentProtocols is the list of enrollment protocols that partitions can configure, in the order of the console.
func (a *App) enrollmentProtocols() []*protocolconfig.Type {
	return []*protocolconfig.Type{
		a.acmeAdmin.Type(),
	}
}
