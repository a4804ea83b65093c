package keystore

// OpenWrapped is the store of the keys that a token wraps, alone.
func OpenWrapped(uri, dir string) (Store, error) {
	s, err := openTokenStore(uri, Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	return &wrappedOnly{s.wrapped, s}, nil
}

type wrappedOnly struct {
	*fileStore
	whole *tokenStore
}

func (w *wrappedOnly) Close() { w.whole.Close() }
