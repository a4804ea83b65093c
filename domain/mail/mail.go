// Package mail sends mail by SMTP, or keeps it in the outbox if no SMTP server is configured.
package mail

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"

	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/seal"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// SendJob delivers a mail; key: its ID.
const SendJob = "mail.send"

const purpose = "mail"

// Mail is one message. Its body may contain invitation links, so it is sealed in the database and erased after
// delivery.
type Mail struct {
	ID          string `gorm:"primaryKey"`
	PartitionID string // "" for mail of the platform
	Recipient   string
	Subject     string
	Sealed      []byte `gorm:"column:body"`
	CreatedAt   time.Time
	SentAt      *time.Time
	Body        string `gorm:"-"`
}

func (Mail) TableName() string { return "mails" }

// Sealed lists the sealed columns.
func Sealed() []seal.Column { return []seal.Column{{Table: "mails", Name: "body", Purpose: purpose}} }

// Service sends mail.
type Service struct {
	Store   *store.Store
	Guard   *rbac.Guard
	Jobs    *job.Queue
	Sealer  seal.Sealer
	Now     func() time.Time
	SMTPURL string // "" to keep mail in the outbox
	From    string
}

// Send queues a mail, in the transaction of ctx.
func (s *Service) Send(ctx context.Context, partitionID, to, subject, body string) error {
	m := &Mail{ID: uuid.Must(uuid.NewV7()).String(), PartitionID: partitionID, Recipient: to, Subject: subject, CreatedAt: s.Now()}
	var err error
	if m.Sealed, err = s.Sealer.Seal(purpose, []byte(body), []byte(m.ID)); err != nil {
		return err
	}
	if err := s.Store.DB(ctx).Create(m).Error; err != nil {
		return err
	}
	if s.SMTPURL == "" {
		return nil
	}
	return s.Jobs.Enqueue(ctx, SendJob, m.ID, s.Now(), nil)
}

// Outbox lists the mails of the deployment, newest first. It is empty if SMTP is configured, because mail to others is
// private then. For operators only: a link in a mail proves an address, so no member of a partition may see it.
func (s *Service) Outbox(ctx context.Context, p page.Request) (*page.Page[*Mail], error) {
	if err := s.Guard.Require(ctx, rbac.OutboxBrowse, rbac.Platform); err != nil {
		return nil, err
	}
	if s.SMTPURL != "" {
		return &page.Page[*Mail]{}, nil
	}
	found, err := page.Read(
		ctx, s.Store, s.Store.DB(ctx).Model(&Mail{}), p,
		page.Key[Mail]{Column: "id", Desc: true, Value: func(m *Mail) any { return m.ID }},
	)
	if err != nil {
		return nil, err
	}
	for _, m := range found.Nodes {
		body, err := s.Sealer.Unseal(purpose, m.Sealed, []byte(m.ID))
		if err != nil {
			return nil, err
		}
		m.Body = string(body)
	}
	return found, nil
}

// Deliver runs SendJob: it hands a mail to the SMTP server.
func (s *Service) Deliver(ctx context.Context, claim *job.Claim) error {
	m := &Mail{}
	if err := s.Store.DB(ctx).Take(m, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	if m.SentAt != nil || s.SMTPURL == "" {
		return nil
	}
	body, err := s.Sealer.Unseal(purpose, m.Sealed, []byte(m.ID))
	if err != nil {
		return err
	}
	if err := s.deliver(ctx, m, string(body)); err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		if err := s.Store.DB(ctx).Model(m).Select("body", "sent_at").Updates(&Mail{SentAt: &now}).Error; err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

func (s *Service) deliver(ctx context.Context, m *Mail, body string) error {
	u, err := url.Parse(s.SMTPURL)
	if err != nil {
		return fmt.Errorf("the SMTP URL is invalid") // the original error would contain the password
	}
	options := []gomail.Option{gomail.WithTLSPolicy(gomail.TLSOpportunistic), gomail.WithTimeout(15 * time.Second)}
	if u.Scheme == "smtps" {
		options = append(options, gomail.WithSSL())
	}
	if port, err := strconv.Atoi(u.Port()); err == nil {
		options = append(options, gomail.WithPort(port))
	}
	if u.User != nil {
		password, _ := u.User.Password()
		// Send a password only over TLS.
		options = append(
			options, gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(u.User.Username()), gomail.WithPassword(password),
		)
	}
	client, err := gomail.NewClient(u.Hostname(), options...)
	if err != nil {
		return err
	}
	message := gomail.NewMsg()
	if err := message.From(s.From); err != nil {
		return err
	}
	if err := message.To(m.Recipient); err != nil {
		return err
	}
	message.Subject(m.Subject)
	message.SetBodyString(gomail.TypeTextPlain, body)
	return client.DialAndSendWithContext(ctx, message)
}
