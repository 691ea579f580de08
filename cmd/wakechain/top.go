package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

var topVerb = &verb{
	name: "top", args: "URL…", short: "watch what is stuck in one process or several, refreshed on the terminal",
	long: viewText + "\n\nKeys: q ends it. ↑ ↓ PgUp PgDn Home End choose a goroutine, Enter says all about it, e about all of them. a sorts by age, n by name, w by what is waited for, o by process; r reverses. / filters by a text, Esc shows all again. i hides those that are idle or run. Space pauses, ? lists the keys.",
	examples: []example{
		{"wakechain top http://127.0.0.1:6060/debug/wakechain", "one process"},
		{"wakechain top -every 500ms 127.0.0.1:6060 127.0.0.1:6061", "both ends together, twice a second"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		every := f.set.Duration("every", time.Second, "ask anew after this `duration`, 100ms at the least")
		minimum := f.set.Duration("min", 0, "leave out waits that are shorter, as a `duration` such as 1.5s or 250ms")
		connection := f.set.String("connection", "", "show only what concerns the connection with this `id`")
		f.run = func(s *session, args []string) error {
			switch {
			case *minimum < 0:
				return usagef("-min is not negative")
			case *every < 100*time.Millisecond:
				return usagef("-every is 100ms at the least")
			case len(args) == 0:
				return usagef("the URL of a debug page is missing, such as http://127.0.0.1:6060/debug/wakechain")
			case !isTerminal(s.in) || !isTerminal(s.out) || s.getenv("TERM") == "dumb":
				return errors.New("it needs a terminal to refresh, and this is none: wakechain ps writes once")
			}
			t := &top{session: s, urls: args, every: *every, filter: live.Filter{Min: *minimum, Connection: *connection}}
			// If no process answers, report it here, not on a screen that disappears.
			first := t.fetch(s.ctx)
			if first.view == nil {
				return first.err
			}
			t.board = newBoard(*every)
			t.board.show(first)
			return t.watch()
		}
	},
}

// top refreshes a board on a terminal.
type top struct {
	*session
	urls   []string
	every  time.Duration
	filter live.Filter
	board  *board
}

// sight is the answer of the processes at one time.
type sight struct {
	view  *live.View
	err   error // of the processes that did not answer
	fault any   // a panic in fetch
}

func (t *top) fetch(ctx context.Context) (got sight) {
	defer func() {
		if p := recover(); p != nil {
			got = sight{fault: p}
		}
	}()
	s := *t.session.copied(ctx)
	v, failed, err := s.views(t.urls, false) //nolint:contextcheck // the session has it
	if err != nil {
		return sight{err: err}
	}
	return sight{view: v.Filter(t.filter), err: failed}
}

// copied returns a copy of the session with another context.
func (s *session) copied(ctx context.Context) *session {
	return &session{stdio: s.stdio, ctx: ctx, flags: s.flags}
}

// watch shows the board until a key or a signal ends it.
func (t *top) watch() error {
	scr, err := openScreen(t.in, t.out)
	if err != nil {
		return err
	}
	defer scr.close() // after a panic, too
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	sights := make(chan sight, 1)
	next := time.After(t.every)
	color := t.colored(t.out)
	for {
		if err := t.draw(scr, color); err != nil {
			return err
		}
		select {
		case <-t.ctx.Done():
			return errInterrupted
		case <-scr.resized:
		case k, ok := <-scr.keys:
			switch {
			case !ok || t.board.key(k):
				return nil
			case k == keySuspend:
				if err := scr.suspend(); err != nil {
					return err
				}
			}
		case <-next:
			next = nil // until there is an answer
			go func() { sights <- t.fetch(ctx) }()
		case got := <-sights:
			if got.fault != nil {
				panic(got.fault) //nolint:forbidigo // here, where the terminal is left as it was
			}
			t.board.show(got)
			next = time.After(t.every)
		}
	}
}

func (t *top) draw(scr *screen, color bool) error {
	columns, rows := scr.size()
	var b bytes.Buffer
	b.WriteString("\x1b[?2026h\x1b[H") // as one update, if the terminal supports it
	for i, line := range t.board.frame(columns, rows, color) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line + "\x1b[K")
	}
	b.WriteString("\x1b[J\x1b[?2026l")
	if _, err := scr.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	return nil
}
