package measure

import (
	"reflect"
	"runtime"
	"sync"
	"weak"
)

// A Registry has one T for each key, a pointer such as a MeterProvider, as long as both
// are reachable. The zero Registry is empty. Of is safe for concurrent use.
type Registry[T any] struct {
	// Drop is called with a surplus T that was made concurrently with the one in use. If it
	// is nil, nothing is called.
	Drop func(*T)

	mu     sync.Mutex
	of     map[any]weak.Pointer[T]
	values map[any]*T // of keys that are no pointers; kept for ever
}

// Of returns the T of a key, and makes it with newT on the first call. A key that is
// not comparable gets a new T each time.
func (r *Registry[T]) Of(key any, newT func() *T) *T {
	v := reflect.ValueOf(key)
	if !v.Comparable() {
		return newT()
	}
	if v.Kind() != reflect.Pointer {
		return r.value(key, newT)
	}
	// A weak pointer does not keep a provider of the program or of a test alive.
	p := weak.Make((*byte)(v.UnsafePointer()))
	if t := r.get(p); t != nil {
		return t
	}
	t := newT() // without the lock: it registers a callback, which waits for a collection
	if first := r.put(p, t); first != t {
		if r.Drop != nil {
			r.Drop(t)
		}
		return first
	}
	return t
}

// put stores t for p, unless p has a T, and returns the one that p has.
func (r *Registry[T]) put(p any, t *T) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.of[p].Value(); other != nil {
		return other
	}
	if r.of == nil {
		r.of = map[any]weak.Pointer[T]{}
	}
	w := weak.Make(t)
	r.of[p] = w
	runtime.AddCleanup(t, func(w weak.Pointer[T]) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.of[p] == w {
			delete(r.of, p)
		}
	}, w)
	return t
}

func (r *Registry[T]) get(p any) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[p].Value()
}

// value is Of for a key that is no pointer.
func (r *Registry[T]) value(key any, newT func() *T) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.values[key]
	if t == nil {
		if r.values == nil {
			r.values = map[any]*T{}
		}
		t = newT()
		r.values[key] = t
	}
	return t
}
