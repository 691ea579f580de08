package live

import (
	"path"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxStacks is the maximum size of all stacks, in bytes.
const maxStacks = 64 << 20

// addStacks adds the stacks of the goroutines with known ids. It stops the world while it
// reads them.
func addStacks(v *View) {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStacks {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := map[int64]string{}
	for s := range strings.SplitSeq(string(buf), "\n\n") {
		head, frames, _ := strings.Cut(s, "\n")
		head, _, _ = strings.Cut(strings.TrimPrefix(head, "goroutine "), " ")
		if id, err := strconv.ParseInt(head, 10, 64); err == nil {
			stacks[id] = frames
		}
	}
	sites := map[string]string{}
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		if s, ok := stacks[g.ID]; ok && g.ID != 0 {
			g.Stack, g.Site = s, site(s)
			sites[g.Key] = g.Site
		}
	}
	for i := range v.Connections {
		for _, d := range []*Doing{v.Connections[i].Reader, v.Connections[i].Writer} {
			if d != nil {
				d.Site = sites[d.Goroutine]
			}
		}
	}
}

// passed are the packages whose frames are not the program's own: the wrapped libraries and
// this module.
var passed = []string{
	"nhooyr.io/websocket", "github.com/coder/websocket", "github.com/gorilla/websocket",
	module + "/trace.", module + "/trace/", module + "/wsconn.", module + "/wsconn/", module + "/internal/",
}

const module = "github.com/wakechain/wakechain"

// site returns the line of the innermost frame of a stack that is the program's own, such
// as "main.go:41", or "".
func site(stack string) string {
	lines := strings.Split(stack, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		f, file := lines[i], strings.TrimSpace(lines[i+1])
		if std(f) || strings.HasPrefix(f, "created by ") {
			continue
		}
		if !slices.ContainsFunc(passed, func(p string) bool { return strings.HasPrefix(f, p) }) || strings.Contains(f, "_test.") {
			file, _, _ = strings.Cut(file, " +0x")
			return path.Base(file)
		}
	}
	return ""
}

// std reports whether a function is in the standard library: the first element of its path
// has no dot, and it is not in the program's own module, such as main.
func std(function string) bool {
	if strings.HasPrefix(function, "main.") || own() != "" && strings.HasPrefix(function, own()) {
		return false
	}
	first, _, _ := strings.Cut(function, "/")
	first, _, path := strings.Cut(first, ".")
	return !path || !strings.Contains(function, "/") || first == ""
}

// own returns the path of the program's module with a slash, or "" if it is unknown.
var own = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != "" {
		return info.Main.Path + "/"
	}
	return ""
})
