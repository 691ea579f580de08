package main

import (
	"context"
	"errors"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// queue is how many messages may wait for one member.
const queue = 4

// room broadcasts what a member says to all members.
type room struct {
	patience time.Duration // how long a member may delay the others

	mu      trace.Mutex
	members map[*member]struct{}
}

// member is a client in the room.
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
	return r.broadcast(ctx, message{Text: m.name + " is here"})
}

// leave is called for each member that has joined, even if ctx has ended.
func (r *room) leave(ctx context.Context, m *member) {
	ctx = context.WithoutCancel(ctx)
	r.mu.Lock(ctx)
	defer r.mu.Unlock()
	delete(r.members, m)
	m.out.Close(ctx)
	_ = r.broadcast(ctx, message{Text: m.name + " has left"})
}

// say broadcasts a message. A member that does not read delays all others: the speaker
// holds the lock, so that all hear everything in the same order.
func (r *room) say(ctx context.Context, m message) error {
	if err := r.mu.LockContext(ctx); err != nil {
		return err
	}
	defer r.mu.Unlock()
	return r.broadcast(ctx, m)
}

// broadcast sends a message to all members. The caller holds the lock.
func (r *room) broadcast(ctx context.Context, m message) error {
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
