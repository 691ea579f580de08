package main

import (
	"errors"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen is a terminal that shows one page, and sends each key that is pressed.
type screen struct {
	in, out *os.File
	keys    chan string   // closed at the end of input
	resized chan struct{} // has a value after the size has changed

	mu  sync.Mutex
	old *term.State // nil: the terminal has its old state
}

// Escape sequences that switch to the alternate screen, without a cursor, and back.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[0m\x1b[?25h\x1b[?1049l"
)

// openScreen takes over a terminal, until close.
func openScreen(in, out any) (*screen, error) {
	s := &screen{keys: make(chan string), resized: make(chan struct{}, 1)}
	var ok, also bool
	s.in, ok = in.(*os.File)
	s.out, also = out.(*os.File)
	if !ok || !also {
		return nil, errors.New("this is no terminal")
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	go s.read()
	s.watchSize()
	return s, nil
}

func (s *screen) enter() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.old, err = term.MakeRaw(int(s.in.Fd())); err != nil {
		return err
	}
	_, err = s.out.WriteString(enterScreen)
	return err
}

// close restores the terminal. It may be called several times.
func (s *screen) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.old == nil {
		return
	}
	_, _ = s.out.WriteString(leaveScreen)
	_ = term.Restore(int(s.in.Fd()), s.old)
	s.old = nil
}

// size returns the size of the terminal, or a usual one if it is unknown.
func (s *screen) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(s.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return 80, 24
	}
	return columns, rows
}

// read sends keys. It lasts as long as the process, because nothing else ends a read of a
// terminal.
func (s *screen) read() {
	defer close(s.keys)
	b := make([]byte, 256)
	for {
		n, err := s.in.Read(b)
		for _, k := range keysOf(b[:n]) {
			s.keys <- k
		}
		if err != nil {
			return
		}
	}
}

// Keys that are no characters.
const (
	keyUp      = "up"
	keyDown    = "down"
	keyPageUp  = "page up"
	keyPageDn  = "page down"
	keyHome    = "home"
	keyEnd     = "end"
	keyEnter   = "enter"
	keyEscape  = "escape"
	keyDelete  = "delete"
	keyQuit    = "ctrl-c"
	keySuspend = "ctrl-z"
	keyNone    = "" // a key without a meaning
)

var sequences = map[string]string{
	"[A": keyUp, "OA": keyUp, "[B": keyDown, "OB": keyDown, "[5~": keyPageUp, "[6~": keyPageDn,
	"[H": keyHome, "OH": keyHome, "[1~": keyHome, "[F": keyEnd, "OF": keyEnd, "[4~": keyEnd,
}

// keysOf splits the input of one read into keys.
func keysOf(b []byte) (keys []string) {
	for len(b) > 0 {
		k, n := keyNone, 1
		switch c := b[0]; {
		case c == 0x1b && len(b) > 1 && (b[1] == '[' || b[1] == 'O'):
			n = 2
			for n < len(b) && (b[n] < '@' || b[n] > '~') { // parameters
				n++
			}
			n = min(n+1, len(b))
			k = sequences[string(b[1:n])]
		case c == 0x1b:
			k = keyEscape
		case c == '\r' || c == '\n':
			k = keyEnter
		case c == 0x7f || c == 8:
			k = keyDelete
		case c == 3:
			k = keyQuit
		case c == 26:
			k = keySuspend
		case c >= ' ':
			var r rune
			if r, n = utf8.DecodeRune(b); r != utf8.RuneError {
				k = string(b[:n])
			}
		}
		b = b[n:]
		if k != keyNone {
			keys = append(keys, k)
		}
	}
	return keys
}
