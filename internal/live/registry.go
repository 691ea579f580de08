package live

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// An Entry is the place of a Source in the list. It is a part of the source, so that
// to register allocates nothing. The zero Entry is in no list.
//
// The list holds a source that was added with Add until Remove. One that was added
// with AddWeak and is used by nobody else is gone after the second garbage
// collection from then: it is held until the first, since the weak pointer costs
// a microsecond, which connections that are closed sooner never pay.
type Entry struct {
	prev, next *Entry
	source     Source
	weak       bool  // to become so
	node       *node // once it is
}

// node is the place of a source that is held weakly.
type node struct {
	prev, next *node
	source     func() Source
}

// Weakly is a Source that can be held weakly. Weak returns a function that returns
// the source for as long as it is there, and then nil.
type Weakly interface {
	Source
	Weak() func() Source
}

type shard struct {
	mu    sync.Mutex
	young Entry // of those that are held, a ring
	old   node  // of those that are held weakly, a ring
	_     [64]byte
}

const shards = 16

var list [shards]shard

func (e *Entry) shard() *shard { return &list[uintptr(unsafe.Pointer(e))>>9%shards] }

// Add registers source, which e is a part of, until Remove.
func (e *Entry) Add(source Source) { e.add(source, false) }

// AddWeak registers source, which e is a part of, until Remove or until nobody
// else uses it.
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

// Remove takes the source out of the list. It does nothing where it is in none.
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

// All returns what is registered, in the memory of into. Nobody waits for it longer
// than it takes to copy one part of the list in sixteen.
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

// armed says that the next garbage collection is waited for.
var armed atomic.Bool

// sentinel is larger than what the runtime puts together in one block.
type sentinel struct{ _ [4]*byte }

// arm has age run after the next garbage collection.
func arm() { runtime.AddCleanup(new(sentinel), age, struct{}{}) }

// batch is how many sources become weak while their part of the list is locked.
const batch = 32

// age makes those weak that have lived through a garbage collection, and forgets
// those that nobody uses any more.
func age(struct{}) {
	armed.Store(false)
	for i := range list {
		for s := &list[i]; s.age(); {
			runtime.Gosched()
		}
	}
}

// age reports whether there may be more to do.
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

// weaken moves e from the one ring to the other.
func (s *shard) weaken(e *Entry) {
	n := &node{source: e.source.(Weakly).Weak(), prev: s.old.prev, next: &s.old}
	n.prev.next, n.next.prev = n, n
	e.unlink()
	e.node = n
}
