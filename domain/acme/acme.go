// Package acme is the domain of ACME (RFC 8555): external account keys, accounts, orders, authorizations, challenges,
// renewal information (RFC 9773) and the campaigns that use it. Service is what administrators do; Engine is what clients
// do, whose permission is the signature of their account, checked by package protocols/acme.
package acme

import (
	"context"
	"sync"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Types of identifiers: RFC 8555 9.7.7, RFC 8738, draft-ietf-acme-device-attest.
const (
	DNS                 = "dns"
	IP                  = "ip"
	PermanentIdentifier = "permanent-identifier"
	HardwareModule      = "hardware-module"
)

// Types of challenges: RFC 8555 8, RFC 8737, draft-ietf-acme-device-attest.
const (
	HTTP01         = "http-01"
	DNS01          = "dns-01"
	TLSALPN01      = "tls-alpn-01"
	DeviceAttest01 = "device-attest-01"
)

// Challenges are all types that there are, in the order in which they are offered.
func Challenges() []string { return []string{HTTP01, DNS01, TLSALPN01, DeviceAttest01} }

// Status of accounts, orders, authorizations and challenges (RFC 8555 7.1.6).
type Status string

const (
	Pending     Status = "pending"
	Ready       Status = "ready"
	Processing  Status = "processing"
	Valid       Status = "valid"
	Invalid     Status = "invalid"
	Deactivated Status = "deactivated"
	Expired     Status = "expired"
)

// Identifier is what a certificate is for.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// ExternalKey lets accounts be made (RFC 8555 7.3.4). Its id is the kid.
type ExternalKey struct {
	ID              string `gorm:"primaryKey"`
	PartitionID     string
	ConfigurationID string
	FriendlyName    string
	Secret          []byte // sealed; empty WithoutBinding
	CreatedBy       string
	OwnerID         string // the user who made it, or the owner of the token that did; "" where none is known
	CreatedAt       time.Time
	ExpiresAt       *time.Time
	RevokedAt       *time.Time
	MaxAccounts     int64 // 0: no limit
	Accounts        int64
	Allowed         []string `gorm:"serializer:json"` // empty: all names
	Preauthorized   bool
	WithoutBinding  bool // accounts are made without proof of having the key, and order only what a device attests
	LastUsedAt      *time.Time
}

func (ExternalKey) TableName() string { return "acme_external_keys" }

// Usable tells whether accounts can be made with the key, and those made with it can order.
func (k *ExternalKey) Usable(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Account of a client (RFC 8555 7.1.2).
type Account struct {
	ID              string `gorm:"primaryKey"`
	PartitionID     string
	ConfigurationID string
	ExternalKeyID   string
	Thumbprint      string
	JWK             string   `gorm:"column:jwk"`
	Contact         []string `gorm:"serializer:json"`
	Binding         string   // JSON; PostgreSQL's driver scans text into no slice of bytes; "" where the key asks for none
	Status          Status
	CreatedAt       time.Time

	key *ExternalKey // that it was made with, when it was read; without the secret
}

func (Account) TableName() string { return "acme_accounts" }

// padded repeats the last id until there is a power of two of them, so that few lengths of statements stay prepared.
func padded(ids []string) []string {
	for len(ids)&(len(ids)-1) != 0 {
		ids = append(ids, ids[len(ids)-1])
	}
	return ids
}

// Order of a certificate (RFC 8555 7.1.3).
type Order struct {
	ID              string `gorm:"primaryKey"`
	ConfigurationID string
	AccountID       string
	Status          Status
	ExpiresAt       time.Time
	Identifiers     []Identifier `gorm:"serializer:json"`
	Names           string
	Profile         string // name of its offering
	OfferingID      string
	NotBefore       *time.Time
	NotAfter        *time.Time
	Replaces        *string  // id of a certificate
	Error           *Problem `gorm:"serializer:json"`
	CSRSHA256       string   `gorm:"column:csr_sha256"`
	CertificateID   *string
	CreatedAt       time.Time

	ReplacesName   string   // as the client named it (RFC 9773 4.1); "" none
	Authorizations []string `gorm:"-"`
	// Waiting, if others are to approve it.
	Waiting *Waiting `gorm:"-"`
}

func (Order) TableName() string { return "acme_orders" }

// Authorization of an account to act for an identifier (RFC 8555 7.1.4).
type Authorization struct {
	ID              string `gorm:"primaryKey"`
	ConfigurationID string
	AccountID       string
	IdentifierType  string
	Identifier      string // without "*."
	Wildcard        bool
	Status          Status
	ExpiresAt       time.Time
	CreatedAt       time.Time
	AttestedKey     string

	Challenges []*Challenge `gorm:"-"`
}

func (Authorization) TableName() string { return "acme_authorizations" }

// Challenge is one way to prove an authorization (RFC 8555 7.1.5).
type Challenge struct {
	AuthorizationID string `gorm:"primaryKey"`
	Type            string `gorm:"primaryKey"`
	Token           string
	Status          Status
	Attempts        int64
	Error           *Problem `gorm:"serializer:json"`
	ValidatedAt     *time.Time
}

func (Challenge) TableName() string { return "acme_challenges" }

type orderAuthorization struct {
	OrderID         string `gorm:"primaryKey"`
	Position        int64  `gorm:"primaryKey"`
	AuthorizationID string
}

func (orderAuthorization) TableName() string { return "acme_order_authorizations" }

// Validation is what is to be proved over the network.
type Validation struct {
	Type             string
	Identifier       Identifier
	Wildcard         bool
	Token            string
	KeyAuthorization string // RFC 8555 8.1
	AccountURL       string // for CAA accounturi (RFC 8657)
}

// Validator proves challenges over the network; nil is success. The text says what was tried, for the audit.
type Validator interface {
	Validate(ctx context.Context, v Validation) (tried string, problem *Problem)
}

// Engine is ACME as clients use it.
type Engine struct {
	Store          *store.Store
	Audit          *audit.Log
	Jobs           *job.Queue
	Configurations *protocolconfig.Service
	Enrollment     *enrollment.Service
	Certificates   *certificate.Service
	CAs            *ca.Service
	Sealer         seal.Sealer
	Validator      Validator
	Now            func() time.Time
	// BaseURL of the HTTPS listener: "https://pki.example.com".
	BaseURL string
	// Attempts are how long after a failed one the next attempt at a challenge is made.
	Attempts []time.Duration

	nonces   nonces
	chains   store.Recent[issuerKey, [][][]byte]
	accounts store.Batch[string, *Account]
	orders   store.Batch[*newOrder, error]
	settling store.Batch[*settlement, error]

	running sync.WaitGroup
	slots   chan struct{}
	ended   context.Context // when this server stops, so do the validations that it has begun
	stop    context.CancelFunc
}

// Jobs of this package.
const (
	ValidateJob = "acme.validate" // key: authorization id + "/" + challenge type
	CleanJob    = "acme.clean"    // key: "all": used nonces, orders and authorizations that nobody asks for any more
	CampaignJob = "acme.campaign" // key: campaign id
)

// validations is how many challenges one server tries at a time.
const validations = 64

// Init completes an Engine whose fields are filled.
func (e *Engine) Init() *Engine {
	e.slots = make(chan struct{}, validations)
	e.ended, e.stop = context.WithCancel(context.Background())
	e.nonces.used.Run = e.useNonces
	e.accounts.Run, e.orders.Run, e.settling.Run = e.readAccounts, e.createOrders, e.settleMany
	if e.Attempts == nil {
		e.Attempts = []time.Duration{2 * time.Second, 5 * time.Second}
	}
	return e
}

// Stop gives the validations that go on after the answer to the other servers, or to this one when it is back.
func (e *Engine) Stop() {
	e.stop()
	e.running.Wait()
}

// Service is what administrators do.
type Service struct {
	Store          *store.Store
	Guard          *rbac.Guard
	Audit          *audit.Log
	Jobs           *job.Queue
	Configurations *protocolconfig.Service
	Certificates   *certificate.Service
	Sealer         seal.Sealer
	Now            func() time.Time
	Actors         Actors
}

// Actors tells what rights somebody has now.
type Actors interface {
	CurrentActor(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error)
}

const (
	keyPurpose   = "acme external key"
	noncePurpose = "acme nonces"
)

// Sealed are the columns that hold secrets.
func Sealed() []seal.Column {
	return []seal.Column{
		{Table: "acme_external_keys", Name: "secret", Purpose: keyPurpose}, {Table: "acme_secrets", Name: "secret", Purpose: noncePurpose},
	}
}

// DirectoryURL of a configuration.
func DirectoryURL(base string, c *protocolconfig.Configuration) string {
	return base + "/acme/" + c.PartitionID + "/" + c.Identifier + "/directory"
}
