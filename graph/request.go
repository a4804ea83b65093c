package graph

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
)

// Request is what resolvers need of the HTTP request; the server puts it into the context.
type Request struct {
	ID      string
	Cookies Cookies
	Status  ResponseStatus
}

// Cookies sets and clears the cookies of the answer: the session's, and that of a device that somebody has signed in on.
type Cookies interface {
	SetDevice(device string)
	SetSession(token string, expires time.Time)
	ClearSession()
}

// ResponseStatus sets the HTTP status of the answer where it is not 200.
type ResponseStatus interface {
	TooManyRequests(f *fault.Error)
}

type requestKey struct{}

// WithRequest puts the request into the context.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

func requestFrom(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// grantNow lets the rest of this operation use the roles that it has just brought.
func grantNow(ctx context.Context, from, to string) {
	if a := rbac.ActorFrom(ctx); a != nil {
		a.Grants[to] = a.Grants[from]
	}
}
