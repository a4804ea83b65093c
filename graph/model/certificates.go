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
	Count    func(context.Context) (n int64, more bool, err error)

	once sync.Once
	n    int64
	more bool
	err  error
}

func (c *CertificateConnection) count(ctx context.Context) {
	c.once.Do(func() { c.n, c.more, c.err = c.Count(ctx) })
}

// TotalCount of all pages, up to a limit.
func (c *CertificateConnection) TotalCount(ctx context.Context) (int, error) {
	c.count(ctx)
	return int(c.n), c.err
}

// TotalIsMinimum tells whether counting ended at the limit.
func (c *CertificateConnection) TotalIsMinimum(ctx context.Context) (bool, error) {
	c.count(ctx)
	return c.more, c.err
}
