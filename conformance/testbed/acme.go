package testbed

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pkiaas/pkiaas/server"
)

// ACME makes an ACME configuration of issuing-1 with limits that load does not reach, and an external account key. database is
// that of the server, "" for SQLite. A preauthorized key needs no challenge for names below test.
func (s *Server) ACME(database, identifier string, preauthorized bool) (server.ACMEKey, error) {
	m := s.Manifest
	ca, err := s.CA(m.GraphQL.Token, m.Partition.ID, "issuing-1")
	if err != nil {
		return server.ACMEKey{}, err
	}
	cfg := &server.Config{
		Data: s.Data, Database: database, BaseURL: m.BaseURL, PublicURL: m.PublicURL, MTLSURL: m.MTLSURL, LogLevel: "error",
		Listen: "127.0.0.1:0", ListenPublic: "127.0.0.1:0", ListenMTLS: "127.0.0.1:0", CRLInterval: 24 * 3600e9, ClockSkew: 60e9,
		Regions: []string{"US"},
	}
	token, err := Keystore(s.Data)
	if err != nil {
		return server.ACMEKey{}, err
	}
	if token != nil {
		cfg.Keystore = []string{token.URI}
	}
	made, err := server.NewACME(
		context.Background(), cfg,
		server.ACMERequest{
			PartitionID: m.Partition.ID, Identifier: identifier, CAID: ca, Profile: "privatessl-tls-server-supply-san",
			Settings: `{"ordersPerHour":1000000,"failuresPerHour":1000000}`,
			KeyName:  "load", Preauthorized: preauthorized})
	if err != nil {
		return made, fmt.Errorf("making an ACME configuration: %w", err)
	}
	return made, nil
}

// HTTP is the client that trusts the server.
func (s *Server) HTTP() *http.Client { return s.client }
