package model

import "github.com/pkiaas/pkiaas/domain/identity"

// Viewer is whoever asks; its fields come from the request's actor. SignedIn is set only in the answer to a sign-in,
// when the actor exists from the next request on.
type Viewer struct{ SignedIn *identity.User }
