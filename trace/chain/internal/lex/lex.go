// Package lex reads JSON value by value from a stream. Callers ask for what they expect
// next, and get that or an error. It holds only the value that it is at, allocates almost
// nothing for it, and is several times as fast as encoding/json.
//
// It is as strict as RFC 8259, except that it checks only the first byte of a number, and
// passes invalid UTF-8 on. It skips a byte order mark at the beginning.
//
// A Lexer is not safe for concurrent use.
package lex

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	window   = 256 << 10 // initial size of the buffer, in bytes
	maxPiece = 16 << 20  // a larger buffer does not grow, in bytes
	maxDepth = 1000      // of objects and arrays in a skipped value
)

// Lexer reads the values of a stream, one after the other. The first error stays, and there
// is nothing more to read until [Lexer.Resume].
type Lexer struct {
	r        io.Reader
	buf      []byte
	pos      int // index in buf of the next byte
	base     int64
	line     int
	began    int64 // offset of the beginning of the line
	eof      error // error of r, io.EOF too
	err      error
	fresh    bool // an object or array was just entered
	unquoted []byte
	hold     int // index in buf of the value that Raw needs; -1: none
}

// New returns a Lexer at the beginning of r.
func New(r io.Reader) *Lexer {
	return &Lexer{r: r, buf: make([]byte, 0, window), line: 1, hold: -1}
}

// Err returns the first error: that of the stream, io.ErrUnexpectedEOF if it ends in the
// middle of a value, or that of a wrong byte.
func (l *Lexer) Err() error { return l.err }

// Line returns the line of the next byte, from 1.
func (l *Lexer) Line() int { return l.line }

// Offset returns the offset of the next byte.
func (l *Lexer) Offset() int64 { return l.base + int64(l.pos) }

// Fail sets the error, unless there is one.
func (l *Lexer) Fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// more reads more bytes, and keeps those in buf from index keep on. It returns by how much
// they moved. ok is false at the end.
func (l *Lexer) more(keep int) (moved int, ok bool) {
	if l.eof != nil {
		return 0, false
	}
	if l.hold >= 0 {
		keep = min(keep, l.hold)
		l.hold -= keep
	}
	if keep > 0 {
		n := copy(l.buf, l.buf[keep:])
		l.buf = l.buf[:n]
		l.base += int64(keep)
		l.pos -= keep
	}
	if len(l.buf) == cap(l.buf) {
		if len(l.buf) > maxPiece {
			l.Fail("a text of more than %d MB", maxPiece>>20)
			return keep, false
		}
		l.buf = append(make([]byte, 0, 2*cap(l.buf)), l.buf...)
	}
	for range 100 {
		n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf = l.buf[:len(l.buf)+n]
		if err != nil {
			l.eof = err
		}
		if n > 0 || err != nil {
			return keep, n > 0
		}
	}
	l.eof = io.ErrNoProgress
	return keep, false
}

// end sets the error of a stream that ends in the middle of a value.
func (l *Lexer) end() {
	switch {
	case l.err != nil:
	case errors.Is(l.eof, io.EOF):
		l.err = io.ErrUnexpectedEOF
	default:
		l.err = l.eof
	}
}

// Peek returns the next byte that is no space, without consuming it. It returns 0 at the
// end of the stream, which is no error.
func (l *Lexer) Peek() byte {
	if l.err != nil {
		return 0
	}
	for {
		for l.pos < len(l.buf) {
			switch c := l.buf[l.pos]; c {
			case ' ', '\t', '\r':
				l.pos++
			case '\n':
				l.pos++
				l.newline()
			case 0xEF: // a byte order mark, at the beginning
				if !l.mark() {
					return c
				}
			case 0:
				l.Fail("a zero byte")
				return 0
			default:
				return c
			}
		}
		if _, ok := l.more(l.pos); !ok {
			if l.err == nil && !errors.Is(l.eof, io.EOF) {
				l.err = l.eof
			}
			return 0
		}
	}
}

func (l *Lexer) newline() {
	l.line++
	l.began = l.Offset()
}

func (l *Lexer) mark() bool {
	for len(l.buf)-l.pos < 3 {
		if _, ok := l.more(l.pos); !ok {
			return false
		}
	}
	if l.Offset() != 0 || !bytes.HasPrefix(l.buf[l.pos:], []byte("\xEF\xBB\xBF")) {
		return false
	}
	l.pos += 3
	l.began = 3
	return true
}

// must is Peek in the middle of a value: the end of the stream is an error there.
func (l *Lexer) must() byte {
	c := l.Peek()
	if c == 0 {
		l.end()
	}
	return c
}

func (l *Lexer) expect(what string, c byte) {
	if l.err == nil {
		l.Fail("%s expected, not %q", what, rune(c))
	}
}

// Object enters an object, and yields the name of each of its fields, valid until the next
// call. The loop must read the field's value, or [Lexer.Skip] it, and must not end early. A
// null is an object without fields.
//
//	for key := range l.Object {
//		switch string(key) { … }
//	}
func (l *Lexer) Object(yield func(key []byte) bool) {
	if l.Enter('{') {
		for l.More('}') && yield(l.Key()) {
		}
	}
}

// Array enters an array, and yields once for each value in it, which the loop must read. A
// null is an array without values.
func (l *Lexer) Array(yield func() bool) {
	if l.Enter('[') {
		for l.More(']') && yield() {
		}
	}
}

// Objects is Array for an array of objects. It skips null in it.
func (l *Lexer) Objects(yield func() bool) {
	for range l.Array {
		if l.Peek() == 'n' {
			l.Word()
		} else if !yield() {
			return
		}
	}
}

// Enter enters an object ('{') or an array ('['), and reports whether there is one. It
// skips a null, and returns false.
func (l *Lexer) Enter(open byte) bool {
	switch c := l.must(); {
	case c == open:
		l.pos++
		l.fresh = true
		return true
	case c == 'n':
		l.Word()
	case open == '{':
		l.expect("an object", c)
	default:
		l.expect("an array", c)
	}
	return false
}

// More reports whether the object or array has another element. Otherwise it leaves it.
func (l *Lexer) More(end byte) bool {
	c := l.must()
	fresh := l.fresh
	l.fresh = false
	switch {
	case c == 0:
		return false
	case c == end:
		l.pos++
		return false
	case fresh:
		return true
	case c != ',':
		l.expect("a comma or the end", c)
		return false
	}
	l.pos++
	if c := l.must(); c == end {
		l.expect("another one", c)
	}
	return l.err == nil
}

// Key returns the name of the next field, valid until the next call.
func (l *Lexer) Key() []byte {
	if c := l.must(); c != '"' {
		l.expect("the name of a field", c)
		return nil
	}
	key := l.Text()
	if l.err != nil {
		return nil
	}
	if l.pos < len(l.buf) && l.buf[l.pos] == ':' {
		l.pos++
		return key
	}
	// The next read may overwrite the buffer.
	if len(l.unquoted) == 0 || len(key) > 0 && &key[0] != &l.unquoted[0] {
		l.unquoted = append(l.unquoted[:0], key...)
		key = l.unquoted
	}
	if c := l.must(); c != ':' {
		l.expect("a colon", c)
		return nil
	}
	l.pos++
	return key
}

// Scalar returns a text or a word, and whether it was quoted. It is valid until the
// next call, and nil for null.
func (l *Lexer) Scalar() (value []byte, quoted bool) {
	if l.must() == '"' {
		return l.Text(), true
	}
	word := l.Word()
	if string(word) == "null" {
		return nil, false
	}
	return word, false
}

// Skip skips the next value.
func (l *Lexer) Skip() {
	var stack []byte
	for l.err == nil {
		switch c := l.must(); c {
		case '{', '[':
			if len(stack) == maxDepth {
				l.Fail("more than %d values inside one another", maxDepth)
				return
			}
			stack = append(stack, c+2) // its end, in ASCII
			l.Enter(c)
		case '"':
			l.Text()
		default:
			l.Word()
		}
		for len(stack) > 0 && !l.More(stack[len(stack)-1]) {
			if l.err != nil {
				return
			}
			stack = stack[:len(stack)-1]
		}
		if len(stack) == 0 {
			return
		}
		if stack[len(stack)-1] == '}' {
			l.Key()
		}
	}
}

// Raw returns the next value unchanged, valid until the next call.
func (l *Lexer) Raw() []byte {
	l.must()
	l.hold = l.pos
	l.Skip()
	from := l.hold
	l.hold = -1
	if l.err != nil {
		return nil
	}
	return l.buf[from:l.pos:l.pos]
}

// Resume clears the error of a wrong byte, and moves to the next line that begins with an
// object. It reports whether there is one.
func (l *Lexer) Resume() bool {
	if l.eof != nil && !errors.Is(l.eof, io.EOF) {
		return false
	}
	l.err = nil
	l.fresh = false
	l.hold = -1
	for {
		if l.Offset() == l.began && l.pos < len(l.buf) && l.buf[l.pos] == '{' {
			return true
		}
		if i := bytes.IndexByte(l.buf[l.pos:], '\n'); i >= 0 {
			l.pos += i + 1
			l.newline()
			if l.pos < len(l.buf) {
				continue
			}
		} else {
			l.pos = len(l.buf)
		}
		if _, ok := l.more(l.pos); !ok {
			if !errors.Is(l.eof, io.EOF) {
				l.err = l.eof
			}
			return false
		}
	}
}

// AtEnd reports whether the stream has no more bytes.
func (l *Lexer) AtEnd() bool { return l.eof != nil && l.pos >= len(l.buf) }

// Byte skips the next byte that is no space.
func (l *Lexer) Byte() {
	if l.Peek() != 0 {
		l.pos++
	}
}

// SkipLine skips the rest of the line.
func (l *Lexer) SkipLine() {
	for l.err == nil {
		if i := bytes.IndexByte(l.buf[l.pos:], '\n'); i >= 0 {
			l.pos += i + 1
			l.newline()
			return
		}
		l.pos = len(l.buf)
		if _, ok := l.more(l.pos); !ok {
			return
		}
	}
}
