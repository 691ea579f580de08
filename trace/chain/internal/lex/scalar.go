package lex

import (
	"errors"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// special are the bytes that end the plain part of a text.
var special = func() (t [256]bool) {
	for c := range byte(' ') {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// Text returns the next text, valid until the next call, or nil for null.
func (l *Lexer) Text() []byte {
	if c := l.must(); c != '"' {
		if c == 'n' {
			l.Word()
			return nil
		}
		l.expect("a text", c)
		return nil
	}
	l.pos++
	start, at := l.pos, l.pos
	l.unquoted = l.unquoted[:0]
	escaped := false
	for {
		for at < len(l.buf) && !special[l.buf[at]] {
			at++
		}
		if at == len(l.buf) {
			moved, ok := l.more(start)
			start, at = start-moved, at-moved
			if !ok {
				l.pos = len(l.buf)
				l.end()
				return nil
			}
			continue
		}
		switch c := l.buf[at]; c {
		case '"':
			l.pos = at + 1
			if !escaped {
				return l.buf[start:at:at]
			}
			l.unquoted = append(l.unquoted, l.buf[start:at]...)
			return l.unquoted
		case '\\':
			escaped = true
			l.unquoted = append(l.unquoted, l.buf[start:at]...)
			if l.tooLong() {
				return nil
			}
			l.pos = at + 1
			l.escape()
			if l.err != nil {
				return nil
			}
			start, at = l.pos, l.pos
		default:
			l.pos = at
			l.Fail("a control character %q in a text", rune(c))
			return nil
		}
	}
}

// have reads on until the next n bytes are in buf, and reports whether they are.
func (l *Lexer) have(n int) bool {
	for len(l.buf)-l.pos < n {
		if _, ok := l.more(l.pos); !ok {
			l.end()
			return false
		}
	}
	return true
}

// escape decodes what follows a backslash, and appends it to unquoted.
func (l *Lexer) escape() {
	if !l.have(1) {
		return
	}
	c := l.buf[l.pos]
	l.pos++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r := l.hex()
		if utf16.IsSurrogate(r) {
			r = l.pair(r)
		}
		l.unquoted = utf8.AppendRune(l.unquoted, r)
		return
	default:
		l.Fail("%q does not follow a backslash", rune(c))
		return
	}
	l.unquoted = append(l.unquoted, c)
}

// pair decodes the second half of a surrogate pair, if it is there. It returns U+FFFD if
// not.
func (l *Lexer) pair(first rune) rune {
	for l.err == nil && l.have(1) && l.buf[l.pos] == '\\' && l.have(2) && l.buf[l.pos+1] == 'u' {
		l.pos += 2
		second := l.hex()
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r
		}
		l.unquoted = utf8.AppendRune(l.unquoted, utf8.RuneError)
		if !utf16.IsSurrogate(second) {
			return second
		}
		if l.tooLong() {
			break
		}
		first = second
	}
	return utf8.RuneError
}

// tooLong reports whether the unescaped text is too long, which is an error.
func (l *Lexer) tooLong() bool {
	if len(l.unquoted) <= maxPiece {
		return false
	}
	l.Fail("a text of more than %d MB", maxPiece>>20)
	return true
}

func (l *Lexer) hex() rune {
	if !l.have(4) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(l.buf[l.pos:l.pos+4]), 16, 32)
	if err != nil {
		l.Fail(`\u%.4q is no character`, l.buf[l.pos:l.pos+4])
		return utf8.RuneError
	}
	l.pos += 4
	return rune(n)
}

// Word returns the next value that has no quotes: a number, true, false or null. It is
// valid until the next call. Of a number, only the first byte is checked.
func (l *Lexer) Word() []byte {
	l.must()
	at := l.pos
	for {
		for at < len(l.buf) && inWord(l.buf[at]) {
			at++
		}
		if at < len(l.buf) {
			break
		}
		start := l.pos
		moved, ok := l.more(start)
		at -= moved
		if !ok {
			if l.err == nil && !errors.Is(l.eof, io.EOF) {
				l.err = l.eof
			}
			break
		}
	}
	if l.err != nil {
		return nil
	}
	word := l.buf[l.pos:at:at]
	if len(word) == 0 {
		c := l.must()
		l.expect("a value", c)
		return nil
	}
	l.pos = at
	if c := word[0]; c != '-' && (c < '0' || c > '9') {
		switch string(word) {
		case "null", "true", "false":
		default:
			l.Fail("%.20q is no value", word)
			return nil
		}
	}
	return word
}

func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}
