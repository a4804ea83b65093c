package server

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
)

// Manifest says where everything of a running server is. Keys are added, never renamed.
type Manifest struct {
	Version   int              `json:"version"`
	BaseURL   string           `json:"baseUrl"`
	PublicURL string           `json:"publicUrl"`
	MTLSURL   string           `json:"mtlsUrl"`
	AdminURL  string           `json:"adminUrl,omitempty"`
	TLSCAFile string           `json:"tlsCaFile"`
	GraphQL   *ManifestGraphQL `json:"graphql,omitempty"`
	Operator  *ManifestUser    `json:"operator,omitempty"`
	Users     []ManifestUser   `json:"users,omitempty"`

	Subscription *ManifestNamed     `json:"subscription,omitempty"`
	Partition    *ManifestPartition `json:"partition,omitempty"`
	CAs          []ManifestCA       `json:"cas,omitempty"`
	ACME         []ManifestACME     `json:"acme,omitempty"`
	CAGW         *ManifestCAGW      `json:"cagw,omitempty"`
}

type ManifestGraphQL struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

type ManifestUser struct {
	Email      string `json:"email"`
	Password   string `json:"password"`
	TOTPSecret string `json:"totpSecret"`
	Role       string `json:"role,omitempty"`
}

type ManifestNamed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type ManifestPartition struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Region string `json:"region"`
}

type ManifestCA struct {
	ID              string `json:"id"`
	Type            string `json:"type"`
	Algorithm       string `json:"algorithm"`
	CertificateFile string `json:"certificateFile"`
	ChainFile       string `json:"chainFile"`
	CRLURL          string `json:"crlUrl"`
	OCSPURL         string `json:"ocspUrl"`
}

// ManifestACME is an ACME configuration with a key of external account binding.
type ManifestACME struct {
	ConfigID     string `json:"configId"`
	DirectoryURL string `json:"directoryUrl"`
	EABKid       string `json:"eabKid"`
	EABHMACKey   string `json:"eabHmacKey"` // base64url without padding
	CAID         string `json:"caId"`
	ProfileID    string `json:"profileId"`
}

// ManifestCAGW is a credential of the CA Gateway API.
type ManifestCAGW struct {
	URL         string   `json:"url"`
	P12File     string   `json:"p12File"`
	P12Password string   `json:"p12Password"`
	CAID        string   `json:"caId"` // partition~identifier
	ProfileIDs  []string `json:"profileIds"`
	// CAProfileID is a profile for subordinate CAs, and CAProfileCAID the CA whose key signs them.
	CAProfileID   string `json:"caProfileId,omitempty"`
	CAProfileCAID string `json:"caProfileCaId,omitempty"`
}

// writeManifest fills in the addresses and writes the file whole, for its owner only.
func (a *App) writeManifest(m *Manifest) error {
	m.Version, m.BaseURL, m.PublicURL, m.MTLSURL, m.TLSCAFile = 1, a.cfg.BaseURL, a.cfg.PublicURL, a.cfg.MTLSURL, a.certs.root()
	if l := a.listeners["admin"]; l != nil {
		m.AdminURL = "http://" + reachable(l)
	}
	if m.GraphQL != nil {
		m.GraphQL.URL = a.cfg.BaseURL + "/graphql"
	}
	for n := range m.ACME {
		c := &m.ACME[n]
		c.DirectoryURL = acme.DirectoryURL(
			a.cfg.BaseURL, &protocolconfig.Configuration{PartitionID: m.Partition.ID, Identifier: c.ConfigID},
		)
	}
	if m.CAGW != nil {
		m.CAGW.URL = a.cas.URLs.GatewayAPI()
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(a.cfg.Manifest), ".manifest-*")
	if err != nil {
		return err
	}
	if _, err := temporary.Write(append(text, '\n')); err != nil {
		return err
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), a.cfg.Manifest)
}
