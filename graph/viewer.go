package graph

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/graph/model"
	"github.com/pkiaas/pkiaas/rbac"
)

// signInPayload sets the cookie of a step of signing in.
func signInPayload(ctx context.Context) func(*identity.SignedIn, error) (*model.SignInPayload, error) {
	return func(done *identity.SignedIn, err error) (*model.SignInPayload, error) {
		if err != nil {
			return nil, err
		}
		requestFrom(ctx).Cookies.SetSession(done.Token, done.Expires)
		return &model.SignInPayload{
			Factors: list(done.Factors), EnrolmentRequired: done.EnrolmentRequired, CodeRequired: done.CodeRequired,
		}, nil
	}
}

// signedIn sets the cookie of the full session that a step led to, if it did. The viewer's fields are for the next
// request, which brings that cookie; here they would still be nobody's.
func signedIn(ctx context.Context, done *identity.SignedIn) *model.Viewer {
	if done == nil {
		return &model.Viewer{}
	}
	cookies := requestFrom(ctx).Cookies
	cookies.SetSession(done.Token, done.Expires)
	if done.Device != "" {
		cookies.SetDevice(done.Device)
	}
	return &model.Viewer{SignedIn: done.User}
}

func signOutPayload(ctx context.Context, cookie bool) func(int, error) (*model.SignOutPayload, error) {
	return func(ended int, err error) (*model.SignOutPayload, error) {
		if err != nil {
			return nil, err
		}
		if cookie {
			requestFrom(ctx).Cookies.ClearSession()
		}
		return &model.SignOutPayload{SessionsEnded: ended}, nil
	}
}

func (r *Resolver) viewerUser(ctx context.Context, v *model.Viewer) (*identity.User, error) {
	switch a := rbac.ActorFrom(ctx); {
	case v.SignedIn != nil:
		return v.SignedIn, nil
	case a == nil || a.Kind == rbac.TokenActor:
		return nil, nil
	}
	return r.Identity.Self(ctx)
}

// viewerActor is the actor of the request, an empty one in the answer to a sign-in.
func viewerActor(ctx context.Context) *rbac.Actor {
	if a := rbac.ActorFrom(ctx); a != nil {
		return a
	}
	return &rbac.Actor{}
}

// security is the person's own factors and sessions; null for an API token.
func (r *Resolver) security(ctx context.Context) (*model.Security, error) {
	if a := rbac.ActorFrom(ctx); a == nil || a.Kind == rbac.TokenActor {
		return nil, nil
	}
	u, err := r.Identity.Self(ctx)
	if err != nil {
		return nil, err
	}
	passkeys, err := r.Identity.Passkeys(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := r.Identity.RecoveryCodesLeft(ctx)
	if err != nil {
		return nil, err
	}
	return &model.Security{TotpEnrolled: u.TOTPConfirmedAt != nil, Passkeys: list(passkeys), RecoveryCodesLeft: codes}, nil
}
