package main

import (
	"context"
	"errors"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// queue is how many messages wait for one member.
const queue = 4

// room is where all members hear what one says.
type room struct {
	patience time.Duration // how long a member may keep the others waiting

	mu      trace.Mutex
	members map[*member]struct{}
}

// member is one that is in the room.
type member struct {
	name string
	out  *trace.Chan[[]byte] // closed when it has left
	drop func()              // ends its connection
}

var errTooSlow = errors.New("a member reads too slowly")

func (r *room) join(ctx context.Context, m *member) error {
	if err := r.mu.LockContext(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = make(map[*member]struct{})
	}
	r.members[m] = struct{}{}
	return r.tell(ctx, message{Text: m.name + " is here"})
}

// leave is called for each that has joined, be ctx alive or not.
func (r *room) leave(ctx context.Context, m *member) {
	ctx = context.WithoutCancel(ctx)
	r.mu.Lock(ctx)
	defer r.mu.Unlock()
	delete(r.members, m)
	m.out.Close(ctx)
	_ = r.tell(ctx, message{Text: m.name + " has left"})
}

// say tells all members. One that does not read keeps all others waiting: whoever
// speaks holds the lock, so that all hear everything in one order.
func (r *room) say(ctx context.Context, m message) error {
	if err := r.mu.LockContext(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	return r.tell(ctx, m)
}

// tell is the broadcaster. The caller holds the lock.
func (r *room) tell(ctx context.Context, m message) error {
	data := m.encode()
	for to := range r.members {
		err := r.send(ctx, to, data)
		if errors.Is(err, errTooSlow) {
			to.drop()
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (r *room) send(ctx context.Context, to *member, data []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, errTooSlow)
	defer cancel()
	return to.out.Send(ctx, data)
}
