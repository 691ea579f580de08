package lex_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/chain/internal/lex"
)

// value reads any value as encoding/json does, with numbers as their text.
func value(l *lex.Lexer, depth int) any {
	if depth > 500 {
		l.Fail("too deep")
		return nil
	}
	switch l.Peek() {
	case '{':
		m := map[string]any{}
		for l.Enter('{'); l.More('}'); {
			key := string(l.Key())
			m[strings.ToValidUTF8(key, "\uFFFD")] = value(l, depth+1)
		}
		return m
	case '[':
		a := []any{}
		for l.Enter('['); l.More(']'); {
			a = append(a, value(l, depth+1))
		}
		return a
	case '"':
		return strings.ToValidUTF8(string(l.Text()), "\uFFFD")
	default:
		switch w := string(l.Word()); w {
		case "true":
			return true
		case "false":
			return false
		case "null":
			return nil
		default:
			return json.Number(w)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{}`, `[]`, `""`, `null`, `true`, `-1.5e+7`, `{"a":[1,{"b":null},"c"],"":{}}`, "[ 1 ,\n\t2\r\n]", `"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`,
		`"\ud83d x"`, `"\ud83d\ud83d\ude00"`, `"\ude00"`, `"é日本"`, `{"a\u0062c":1}`, `{"a" : 1}`,
	} {
		var want any
		d := json.NewDecoder(strings.NewReader(in))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(in, err)
		}
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			l := lex.New(r)
			got := value(l, 0)
			if a, b := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); a != b || l.Err() != nil || l.Peek() != 0 || !l.AtEnd() || l.Offset() != int64(len(in)) {
				t.Errorf("%s: got %s, %v, want %s", in, a, l.Err(), b)
			}
		}
		l := lex.New(iotest.OneByteReader(strings.NewReader(" " + in)))
		if raw := string(l.Raw()); raw != in || l.Err() != nil {
			t.Errorf("raw %q, %v, want %q", raw, l.Err(), in)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{`{`, "unexpected EOF"},
		{`{"a`, "unexpected EOF"},
		{`{"a"`, "unexpected EOF"},
		{`{"a":`, "unexpected EOF"},
		{`["\`, "unexpected EOF"},
		{`["\u12`, "unexpected EOF"},
		{`["\ud83d`, "unexpected EOF"},
		{`{"a" 1}`, "a colon expected, not '1'"},
		{`{1:2}`, "the name of a field expected, not '1'"},
		{`{null:2}`, "the name of a field expected, not 'n'"},
		{`[1 2]`, "a comma or the end expected, not '2'"},
		{`[1,]`, "another one expected, not ']'"},
		{`[,1]`, "a value expected, not ','"},
		{`[tru]`, `"tru" is no value`},
		{`["\x"]`, "'x' does not follow a backslash"},
		{`["\uxxxx"]`, `is no character`},
		{"[\"\n\"]", `a control character '\n' in a text`},
		{"[\x00]", "a zero byte"},
		{"\xEF\xBB{}", "a value expected, not 'ï'"},
		{strings.Repeat("[", 1001), "more than 1000 values inside one another"},
	} {
		l := lex.New(strings.NewReader(tt.in))
		l.Skip()
		if err := l.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.in, err, tt.want)
		}
		first := l.Err()
		l.Fail("another")
		if l.Enter('{') || l.More('}') || l.Text() != nil || l.Word() != nil || l.Raw() != nil || l.Peek() != 0 || !errors.Is(l.Err(), first) {
			t.Errorf("%s: it goes on after %v", tt.in, first)
		}
	}
	broken := errors.New("broken")
	for _, in := range []string{"", "[", `["a`, "[1", `{"a"`} {
		l := lex.New(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if l.Skip(); !errors.Is(l.Err(), broken) || l.Resume() {
			t.Errorf("after %q: got %v", in, l.Err())
		}
	}
	l := lex.New(neverReader{})
	if l.Skip(); !errors.Is(l.Err(), io.ErrNoProgress) {
		t.Errorf("got %v", l.Err())
	}
}

type neverReader struct{}

func (neverReader) Read([]byte) (int, error) { return 0, nil }

// A text may be longer than the lexer reads at a time. One that is too long is an error.
func TestLongText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	l := lex.New(strings.NewReader(`["a","` + long + `","\n` + long + `",1]`))
	l.Enter('[')
	for _, want := range []string{"a", long, "\n" + long} {
		if !l.More(']') || string(l.Text()) != want {
			t.Fatalf("a text of %d bytes is lost: %v", len(want), l.Err())
		}
	}
	if !l.More(']') || string(l.Word()) != "1" || l.More(']') || l.Err() != nil {
		t.Error("what follows is lost", l.Err())
	}
	for _, in := range []string{`"`, `"\n`, "1"} {
		l := lex.New(io.MultiReader(strings.NewReader(in), endless("1")))
		if l.Scalar(); l.Err() == nil || l.Err().Error() != "a text of more than 16 MB" {
			t.Errorf("%s: got %v", in, l.Err())
		}
	}
}

// A long run of first halves of surrogate pairs does not deepen the stack.
func TestHalves(t *testing.T) {
	t.Parallel()
	const half = `\ud800`
	for text, want := range map[string]string{
		half + half + `\udc00`: "\uFFFD\U00010000",
		half + half + "x":      "\uFFFD\uFFFDx",
		half + half + `\u0041`: "\uFFFD\uFFFDA",
	} {
		if got := lex.New(strings.NewReader(`"` + text + `"`)).Text(); string(got) != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	l := lex.New(io.MultiReader(strings.NewReader(`"`), endless(half)))
	if l.Text(); l.Err() == nil || l.Err().Error() != "a text of more than 16 MB" {
		t.Errorf("got %v", l.Err())
	}
}

// endless is a reader that repeats a text without end.
type endless string

func (e endless) Read(b []byte) (n int, err error) {
	if len(b) < len(e) {
		return 0, io.ErrShortBuffer
	}
	for len(b)-n >= len(e) {
		n += copy(b[n:], e)
	}
	return n, nil
}

func TestResume(t *testing.T) {
	t.Parallel()
	in := "{\"a\":x}\n x\n{\"b\":1}\n{\"c\":\n{\"d\":2}\n}"
	l := lex.New(iotest.OneByteReader(strings.NewReader(in)))
	l.Skip()
	if l.Line() != 1 || !l.Resume() || l.Line() != 3 || l.Peek() != '{' || l.Err() != nil {
		t.Fatalf("at line %d: %v", l.Line(), l.Err())
	}
	l.Skip()
	if l.Peek() != '{' || l.Line() != 4 {
		t.Errorf("at line %d", l.Line())
	}
	l.Fail("wrong")
	if !l.Resume() || l.Line() != 4 {
		t.Errorf("at line %d: it does not begin where a line does", l.Line())
	}
	l.Enter('{')
	l.Fail("wrong")
	if !l.Resume() || l.Line() != 5 {
		t.Errorf("at line %d, %v", l.Line(), l.Err())
	}
	l.Skip()
	l.SkipLine()
	l.SkipLine()
	if l.Peek() != 0 || !l.AtEnd() {
		t.Errorf("at line %d: not the end", l.Line())
	}
	if l.Resume() {
		t.Error("it goes on after the end")
	}
}

func TestAllocs(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	in := []byte(strings.Repeat(`{"a":[1,"text",{"b":true}]}`+"\n", 1000))
	r := bytes.NewReader(in)
	n := testing.AllocsPerRun(10, func() {
		r.Reset(in)
		l := lex.New(r)
		for l.Peek() != 0 {
			l.Skip()
		}
	})
	if n > 20 { // the Lexer, its window, and Skip's record of depth
		t.Errorf("%v allocations for 1,000 objects", n)
	}
}

// FuzzLex compares with encoding/json. Both are equally strict, except about numbers and
// invalid UTF-8.
func FuzzLex(f *testing.F) {
	for _, in := range []string{`{"a":[1,"b\u00e9",null,true]}`, `"\ud83d\ude00"`, `[[[`, "\xEF\xBB\xBF{}", `{"a":x}` + "\n{}"} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		l := lex.New(iotest.HalfReader(bytes.NewReader(in)))
		got := value(l, 0)
		end := l.Peek() == 0 && l.AtEnd()
		var want any
		d := json.NewDecoder(bytes.NewReader(in))
		d.UseNumber()
		if err := d.Decode(&want); err == nil && utf8.Valid(in) && len(bytes.Trim(in[d.InputOffset():], " \t\r\n")) == 0 {
			if a, b := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); a != b || l.Err() != nil || !end {
				t.Errorf("got %s, %v, want %s", a, l.Err(), b)
			}
		}
		line := l.Line()
		for range 100 {
			if !l.Resume() {
				break
			}
			l.Skip()
			if l.Line() < line || l.Offset() > int64(len(in)) {
				t.Fatalf("line %d after %d, offset %d of %d", l.Line(), line, l.Offset(), len(in))
			}
			line = l.Line()
			l.Fail("on")
			if l.Peek(); l.AtEnd() {
				break
			}
		}
	})
}
