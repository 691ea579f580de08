package schedread

import (
	"strconv"
	"strings"

	exptrace "golang.org/x/exp/trace"
)

// frame is one function of a stack.
type frame struct {
	fn, file string
	line     int
}

// stack is a stack, the innermost frame first. Equal stacks share one value.
type stack struct {
	frames []frame
	text   string // the result of String, once called
	class  map[string]class
}

// stacks are all stacks of a trace.
type stacks struct {
	now    map[exptrace.Stack]*stack // of the current part of the trace
	unique map[string]*stack
	key    []byte
}

func (s *stacks) of(x exptrace.Stack) *stack {
	if x == exptrace.NoStack {
		return nil
	}
	if st, ok := s.now[x]; ok {
		return st
	}
	s.key = s.key[:0]
	for f := range x.Frames() {
		s.key = strconv.AppendUint(s.key, f.PC, 36)
		s.key = append(s.key, f.Func...)
		s.key = strconv.AppendUint(append(s.key, ':'), f.Line, 36)
		s.key = append(s.key, ' ')
	}
	st := s.unique[string(s.key)]
	if st == nil && len(s.key) > 0 {
		st = &stack{}
		for f := range x.Frames() {
			st.frames = append(st.frames, frame{f.Func, f.File, int(f.Line)})
		}
		s.unique[string(s.key)] = st
	}
	s.now[x] = st
	return st
}

// has reports whether any function of the stack has one of the prefixes.
func (s *stack) has(prefixes ...string) bool {
	if s == nil {
		return false
	}
	for _, f := range s.frames {
		for _, p := range prefixes {
			if strings.HasPrefix(f.fn, p) {
				return true
			}
		}
	}
	return false
}

// site returns the innermost function of the program or, if there is none, of the standard
// library outside of the packages that wait.
func (s *stack) site() (f frame) {
	if s == nil {
		return f
	}
	for _, g := range s.frames {
		switch {
		case !standard(g.fn):
			return g
		case f.fn == "" && !hasPrefix(g.fn, "runtime.", "internal/", "sync.", "syscall.", "net.", "os.", "time.", "context.", "reflect."):
			f = g
		}
	}
	return f
}

// entry returns the function that the goroutine began with.
func (s *stack) entry() string {
	if s == nil || len(s.frames) == 0 {
		return ""
	}
	return s.frames[len(s.frames)-1].fn
}

// own returns the outermost function of the program, or "" if there is none.
func (s *stack) own() string {
	if s == nil {
		return ""
	}
	for i := len(s.frames) - 1; i >= 0; i-- {
		if fn := s.frames[i].fn; !standard(fn) && !starts(fn) {
			return fn
		}
	}
	return ""
}

// String returns the stack as lines, with at most maxFrames functions.
func (s *stack) String() string {
	if s.text != "" || len(s.frames) == 0 {
		return s.text
	}
	var b strings.Builder
	for i, f := range s.frames {
		if i == maxFrames {
			b.WriteString("…\n")
			break
		}
		b.WriteString(f.fn + "\n\t" + f.file + ":" + strconv.Itoa(f.line) + "\n")
	}
	s.text = b.String()
	return s.text
}

const maxFrames = 32

// library are the first elements of the standard library's import paths.
var library = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range strings.Fields(`archive arena bufio bytes cmp compress container context crypto database debug
		embed encoding errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path
		plugin reflect regexp runtime slices sort strconv strings structs sync syscall testing text time unicode
		unique unsafe vendor weak`) {
		m[name] = true
	}
	return m
}()

// standard reports whether a function is in the standard library.
func standard(fn string) bool {
	if i := strings.IndexAny(fn, "./"); i >= 0 {
		if fn[i] == '.' && strings.IndexByte(fn, '/') > i {
			return false // a host
		}
		return library[fn[:i]]
	}
	return library[fn]
}

// starts reports whether a function starts goroutines for others. Such a function is no
// name for a goroutine.
func starts(fn string) bool {
	return hasPrefix(fn, "sync.(*WaitGroup).Go", "golang.org/x/sync/errgroup.(*Group)", "testing.tRunner", "time.goFunc",
		"testing.(*T).Run", "testing/synctest.", "internal/synctest.", "context.AfterFunc", "context.(*afterFuncCtx)")
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// short returns a function without the path of its package, and without package main.
func short(fn string) string {
	fn = fn[strings.LastIndexByte(fn, '/')+1:]
	return strings.TrimPrefix(fn, "main.")
}

// String returns the frame in a form such as (*cache).get:23.
func (f frame) String() string {
	if f.fn == "" {
		return ""
	}
	return short(f.fn) + ":" + strconv.Itoa(f.line)
}
