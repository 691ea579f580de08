package live

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// An Entry is the place of a Source in the list. It is a part of the source, so that
// registering allocates nothing. The zero Entry is in no list.
//
// The list holds a source of Add until Remove. A source of AddWeak that is otherwise
// unreachable is removed after the second garbage collection. Until the first one it is
// held strongly: making a weak pointer costs a microsecond, which connections that
// close sooner never pay.
type Entry struct {
	prev, next *Entry
	source     Source
	weak       bool  // source may be held weakly
	node       *node // set once source is held weakly
}

// node is the place of a source that is held weakly.
type node struct {
	prev, next *node
	source     func() Source
}

// Weakly is a Source that can be held weakly. Weak returns a function that returns the
// source while it is reachable, and then nil.
type Weakly interface {
	Source
	Weak() func() Source
}

type shard struct {
	mu    sync.Mutex
	young Entry // ring of the sources that are held strongly
	old   node  // ring of the sources that are held weakly
	_     [64]byte
}

const shards = 16

var list [shards]shard

func (e *Entry) shard() *shard { return &list[uintptr(unsafe.Pointer(e))>>9%shards] }

// Add registers source, which contains e, until Remove.
func (e *Entry) Add(source Source) { e.add(source, false) }

// AddWeak registers source, which contains e, until Remove or until it is otherwise
// unreachable.
func (e *Entry) AddWeak(source Weakly) {
	e.add(source, true)
	if !armed.Load() && armed.CompareAndSwap(false, true) {
		arm()
	}
}

func (e *Entry) add(source Source, weak bool) {
	s := e.shard()
	s.mu.Lock()
	if s.young.next == nil {
		s.young.next, s.young.prev = &s.young, &s.young
		s.old.next, s.old.prev = &s.old, &s.old
	}
	e.source, e.weak = source, weak
	e.prev, e.next = s.young.prev, &s.young
	e.prev.next, e.next.prev = e, e
	s.mu.Unlock()
}

// Remove removes the source from the list, if it is in it.
func (e *Entry) Remove() {
	s := e.shard()
	s.mu.Lock()
	e.unlink()
	if e.node != nil {
		e.node.unlink()
		e.node = nil
	}
	s.mu.Unlock()
}

func (e *Entry) unlink() {
	if e.next != nil {
		e.prev.next, e.next.prev = e.next, e.prev
		e.prev, e.next, e.source = nil, nil, nil
	}
}

func (n *node) unlink() {
	if n.next != nil {
		n.prev.next, n.next.prev = n.next, n.prev
		n.prev, n.next = nil, nil
	}
}

// All returns the registered sources, in the memory of into. It locks a sixteenth of the
// list at a time, while it copies that.
func All(into []Source) []Source {
	all := into[:0]
	for i := range list {
		s := &list[i]
		s.mu.Lock()
		for e := s.young.next; e != nil && e != &s.young; e = e.next {
			all = append(all, e.source)
		}
		for n := s.old.next; n != nil && n != &s.old; {
			next := n.next
			if source := n.source(); source != nil {
				all = append(all, source)
			} else {
				n.unlink()
			}
			n = next
		}
		s.mu.Unlock()
	}
	return all
}

// armed reports whether age will run after the next garbage collection.
var armed atomic.Bool

// sentinel is too large for the runtime's tiny allocator, which would combine it with
// other objects.
type sentinel struct{ _ [4]*byte }

// arm runs age after the next garbage collection.
func arm() { runtime.AddCleanup(new(sentinel), age, struct{}{}) }

// batch is how many sources become weak while their shard is locked.
const batch = 32

// age weakens the sources that have survived a garbage collection, and removes the
// unreachable ones.
func age(struct{}) {
	armed.Store(false)
	for i := range list {
		for s := &list[i]; s.age(); {
			runtime.Gosched()
		}
	}
}

// age handles one batch, and reports whether there is more to do.
func (s *shard) age() (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := 0
	for e := s.young.next; e != nil && e != &s.young; {
		next := e.next
		if e.weak {
			if made == batch {
				return true
			}
			made++
			s.weaken(e)
		}
		e = next
	}
	for n := s.old.next; n != nil && n != &s.old; {
		next := n.next
		if n.source() == nil {
			n.unlink()
		}
		n = next
	}
	return false
}

// weaken moves e from the strong ring to the weak one.
func (s *shard) weaken(e *Entry) {
	n := &node{source: e.source.(Weakly).Weak(), prev: s.old.prev, next: &s.old}
	n.prev.next, n.next.prev = n, n
	e.unlink()
	e.node = n
}
