package model

import (
	"context"
	"sync"

	"github.com/pkiaas/pkiaas/domain/certificate"
)

// CertificateConnection is a page of certificates. Its list is counted when somebody asks.
type CertificateConnection struct {
	Edges    []*CertificateEdge
	Nodes    []*certificate.Certificate
	PageInfo *PageInfo
	Number   *Number
}

// Number of a list, counted once.
type Number struct {
	Count func(context.Context) (n int64, more bool, err error)

	once sync.Once
	n    int64
	more bool
	err  error
}

func (n *Number) get(ctx context.Context) (int64, bool, error) {
	n.once.Do(func() { n.n, n.more, n.err = n.Count(ctx) })
	return n.n, n.more, n.err
}

// TotalCount of all pages, up to a limit.
func (c *CertificateConnection) TotalCount(ctx context.Context) (int, error) {
	n, _, err := c.Number.get(ctx)
	return int(n), err
}

// TotalIsMinimum tells whether counting ended at the limit.
func (c *CertificateConnection) TotalIsMinimum(ctx context.Context) (bool, error) {
	_, more, err := c.Number.get(ctx)
	return more, err
}
