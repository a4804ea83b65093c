package page

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/store"
)

// Key is a column that a list is ordered by. The last one tells rows apart.
type Key[T any] struct {
	Column string // or an expression of columns
	Bind   string // the expression for the value, "?" where it is the value itself
	Desc   bool
	Value  func(*T) any // a string, an int64 or a time.Time
}

// Read reads a page of what the query finds, in the order of the keys.
func Read[T any](ctx context.Context, s *store.Store, query *gorm.DB, r Request, keys ...Key[T]) (*Page[*T], error) {
	total, err := s.CountUpTo(ctx, query, CountLimit)
	if err != nil {
		return nil, err
	}
	if r.After != "" {
		values, err := values(r.After, keys)
		if err != nil {
			return nil, err
		}
		query = behind(query, keys, values)
	}
	for _, k := range keys {
		query = query.Order(k.order())
	}
	var list []*T
	if err := query.Limit(r.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	return Of(list, r, total, func(t *T) string { return cursor(t, keys) }), nil
}

// Slice is a page of a list that is in memory, whose items are told apart by their ids.
func Slice[T any](list []T, r Request, id func(T) string) (*Page[T], error) {
	from := 0
	if r.After != "" {
		for from < len(list) && id(list[from]) != r.After {
			from++
		}
		if from == len(list) {
			return nil, BadCursor()
		}
		from++
	}
	return Of(list[from:min(len(list), from+r.First+1)], r, int64(len(list)), id), nil
}

func (k Key[T]) order() string {
	if k.Desc {
		return k.Column + " DESC"
	}
	return k.Column
}

// behind leaves what comes after the row with these values: a later first key, or the same and a later second one, and so on.
func behind[T any](query *gorm.DB, keys []Key[T], values []any) *gorm.DB {
	var alternatives []string
	var args []any
	same := ""
	for n, k := range keys {
		bind, later := k.Bind, ">"
		if bind == "" {
			bind = "?"
		}
		if k.Desc {
			later = "<"
		}
		alternatives = append(alternatives, "("+same+k.Column+" "+later+" "+bind+")")
		args = append(args, values[:n+1]...)
		same += k.Column + " = " + bind + " AND "
	}
	return query.Where("("+strings.Join(alternatives, " OR ")+")", args...)
}

func cursor[T any](t *T, keys []Key[T]) string {
	values := make([]any, len(keys))
	for n, k := range keys {
		values[n] = k.Value(t)
	}
	text, _ := json.Marshal(values) // of strings, numbers and times: never fails
	return base64.RawURLEncoding.EncodeToString(text)
}

// values are those of a cursor, of the kinds that the keys have.
func values[T any](cursor string, keys []Key[T]) ([]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, BadCursor()
	}
	var raw []json.RawMessage
	if json.Unmarshal(text, &raw) != nil || len(raw) != len(keys) {
		return nil, BadCursor()
	}
	list := make([]any, len(keys))
	for n, k := range keys {
		var err error
		switch k.Value(new(T)).(type) {
		case time.Time:
			list[n], err = read[time.Time](raw[n])
		case int64:
			list[n], err = read[int64](raw[n])
		default:
			list[n], err = read[string](raw[n])
		}
		if s, ok := list[n].(string); err != nil || ok && strings.ContainsRune(s, 0) { // PostgreSQL knows no NUL
			return nil, BadCursor()
		}
	}
	return list, nil
}

func read[V any](raw json.RawMessage) (any, error) {
	var v V
	err := json.Unmarshal(raw, &v)
	return v, err
}
