package tracetest

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/wakechain/wakechain/trace"
)

const (
	updateFlag = "update"
	updateEnv  = "TRACETEST_UPDATE"
)

// UpdateFlag makes "go test -update" rewrite the text of [AssertTree] and the files of
// [AssertGolden]. It returns a function that reports whether to update, for other golden
// files of the package. Call it once, before the flags are parsed:
//
//	var update = tracetest.UpdateFlag()
//
// It defines the flag -update, unless there is one. Importing this package does not define
// it, because many packages define one of their own, and package flag panics at the second.
// A package with its own bool -update does not need UpdateFlag: the flag works here too.
// TRACETEST_UPDATE=1 in the environment has the same effect, without any flag.
func UpdateFlag() func() bool {
	if flag.Lookup(updateFlag) == nil {
		flag.Bool(updateFlag, false, "rewrite the expected spans to those that were recorded")
	}
	return updating
}

func updating() bool {
	if on, err := strconv.ParseBool(os.Getenv(updateEnv)); err == nil && on {
		return true
	}
	f := flag.Lookup(updateFlag)
	if f == nil {
		return false
	}
	on, err := strconv.ParseBool(f.Value.String())
	return err == nil && on
}

// updateHint returns the command that updates.
func updateHint() string {
	if flag.Lookup(updateFlag) != nil {
		return "go test -update"
	}
	return updateEnv + "=1 go test"
}

// callers returns the stack above the assertion, innermost frame first.
func callers() []runtime.Frame {
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var out []runtime.Frame
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.File == "" || strings.HasPrefix(f.Function, trace.ScopeName+"/trace/tracetest.") || f.Function == "testing.tRunner" {
			continue
		}
		out = append(out, f)
	}
	return out
}

// source is a file as it was when it was first read, and its edits.
type source struct {
	path string
	text []byte
	set  *token.FileSet
	file *ast.File
	lits []*ast.BasicLit // its string literals
	new  map[*ast.BasicLit]string
}

// sources are all files that were read. Edits add up, because the line numbers of the
// runtime are those of the file before its edits.
var sources = struct {
	sync.Mutex
	files map[string]*source
}{files: make(map[string]*source)}

// rewrite replaces the literal want, in the call that one of the frames is at, by text. It
// returns the literal's place.
func rewrite(frames []runtime.Frame, want, text string) (string, error) {
	sources.Lock()
	defer sources.Unlock()
	for _, f := range frames {
		src, err := load(f.File)
		if err != nil {
			continue // if this frame is a library's, the next one is the test's
		}
		if lit := src.find(f.Line, want); lit != nil {
			return fmt.Sprintf("%s:%d", short(src.path), src.line(lit)), src.replace(lit, text)
		}
	}
	if len(frames) == 0 {
		return "", errors.New("no caller is known")
	}
	return "", fmt.Errorf("no literal, or more than one, has it where %s calls", place(frames[0]))
}

// load parses a file once. With -trimpath its name has no folder that exists, but the test
// runs in the file's own.
func load(path string) (*source, error) {
	if src, ok := sources.files[path]; ok {
		return src, nil
	}
	src := &source{path: path, set: token.NewFileSet(), new: make(map[*ast.BasicLit]string)}
	var err error
	if src.text, err = os.ReadFile(path); errors.Is(err, os.ErrNotExist) && !filepath.IsAbs(path) {
		src.path = filepath.Base(path)
		src.text, err = os.ReadFile(src.path)
	}
	if err != nil {
		return nil, err
	}
	if src.file, err = parser.ParseFile(src.set, path, src.text, parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	ast.Inspect(src.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			src.lits = append(src.lits, lit)
		}
		return true
	})
	sources.files[path] = src
	return src, nil
}

func (src *source) line(n ast.Node) int { return src.set.Position(n.Pos()).Line }

// find returns the literal want in the innermost call at the line that has one, otherwise
// the only one in the file. It returns nil if there is none, or it is ambiguous.
func (src *source) find(line int, want string) *ast.BasicLit {
	has := func(lit *ast.BasicLit) bool {
		s, err := strconv.Unquote(lit.Value)
		return err == nil && s == want
	}
	var found *ast.BasicLit
	clear := true
	ast.Inspect(src.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || src.line(call) > line || src.set.Position(call.End()).Line < line {
			return true
		}
		var in []*ast.BasicLit
		for _, arg := range call.Args {
			if lit, ok := ast.Unparen(arg).(*ast.BasicLit); ok && lit.Kind == token.STRING && has(lit) {
				in = append(in, lit)
			}
		}
		if len(in) > 0 {
			// Two calls on one line cannot be distinguished.
			clear = len(in) == 1 && (found == nil || src.line(call) != src.line(found))
			found = in[0]
		}
		return true
	})
	if found != nil {
		if !clear {
			return nil
		}
		return found
	}
	for _, lit := range src.lits {
		if has(lit) {
			if found != nil {
				return nil
			}
			found = lit
		}
	}
	return found
}

// replace writes the file with text as a raw string in place of the literal, indented one
// tab more than the line that the literal begins in.
func (src *source) replace(lit *ast.BasicLit, text string) error {
	at := src.set.Position(lit.Pos()).Offset
	from := strings.LastIndexByte(string(src.text[:at]), '\n') + 1
	rest := strings.TrimLeft(string(src.text[from:at]), "\t ")
	margin := string(src.text[from : at-len(rest)])
	raw := "`\n" + indent(text, margin+"\t") + "\n" + margin + "`"
	if text == "" {
		raw = "``"
	}
	if was, ok := src.new[lit]; ok && was != raw {
		return fmt.Errorf("two results for the one at %s:%d", short(src.path), src.line(lit))
	}
	src.new[lit] = raw
	var out []byte
	done := 0
	for _, l := range src.lits {
		if raw, ok := src.new[l]; ok {
			at := src.set.Position(l.Pos()).Offset
			out = append(append(out, src.text[done:at]...), raw...)
			done = at + len(l.Value)
		}
	}
	info, err := os.Stat(src.path)
	if err != nil {
		return err
	}
	return os.WriteFile(src.path, append(out, src.text[done:]...), info.Mode())
}
