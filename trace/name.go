package trace

import (
	"context"
	"path"
	"runtime"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// PrimitiveOption configures a channel, a lock or another primitive of this package. The
// last option of a kind wins.
type PrimitiveOption interface{ applyPrimitive(*named) }

type primitiveOptionFunc func(*named)

func (f primitiveOptionFunc) applyPrimitive(n *named) { f(n) }

// WithName names a channel, a lock or another primitive. Operations that wait for it have
// the name as [semconv.SyncNameKey], and explanations, diagrams and package live show it.
// Without a name, such a span has the place of the call in the program
// ([semconv.CodeFunctionNameKey], [semconv.CodeLineNumberKey]), which is looked up only if
// there is a span.
//
// There should be few different names: do not use that of a user or of a connection.
func WithName(s string) PrimitiveOption { return primitiveOptionFunc(func(n *named) { n.text = s }) }

// WithNameInMetrics adds the name to [semconv.MetricBlockDuration], which makes a time
// series for each name.
func WithNameInMetrics() PrimitiveOption {
	return primitiveOptionFunc(func(n *named) { n.metered = true })
}

// named is the name of a primitive; nil: it has none.
type named struct {
	text    string
	attrs   []attribute.KeyValue // of its operations; they must not change
	metered bool
}

func newNamed(opts []PrimitiveOption) *named {
	if len(opts) == 0 {
		return nil
	}
	n := new(named)
	for _, o := range opts {
		if o != nil {
			o.applyPrimitive(n)
		}
	}
	if n.text == "" {
		return nil
	}
	n.attrs = []attribute.KeyValue{semconv.SyncNameKey.String(n.text)}
	return n
}

// String returns the name; "": it has none.
func (n *named) String() string {
	if n == nil {
		return ""
	}
	return n.text
}

// inMetrics returns the name if metrics have it, else "".
func (n *named) inMetrics() string {
	if n == nil || !n.metered {
		return ""
	}
	return n.text
}

// startOn is [Start] for an operation on a primitive. If that has no name, the span has
// the place of the call.
func startOn(ctx context.Context, operation string, n *named) (context.Context, Op) {
	s := scopeOf(ctx)
	recorded, metered := !s.tracer.skips(ctx), s.tracer.metered(ctx)
	if !recorded && !metered && !s.tracer.live {
		return ctx, Op{}
	}
	c := core.Config{Name: operation, Context: ctx}
	switch {
	case n != nil:
		c.Attrs = n.attrs
	case recorded:
		c.Attrs = place()
	}
	return s.tracer.startWith(&c, s.task, recorded, metered)
}

// site is a return address in the program.
type site struct {
	ours  bool // in this package
	attrs []attribute.KeyValue
}

// sites are the call sites of spans. They are bounded by the number of calls in the
// program's text.
var sites = struct {
	sync.RWMutex
	of map[uintptr]*site
}{of: map[uintptr]*site{}}

// place returns the place of the call in the program: the innermost frame outside this
// package. The attributes must not be changed.
func place() []attribute.KeyValue {
	var pcs [6]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		if s := siteOf(pc); !s.ours {
			return s.attrs
		}
	}
	return nil
}

func siteOf(pc uintptr) *site {
	sites.RLock()
	s := sites.of[pc]
	sites.RUnlock()
	if s != nil {
		return s
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	s = &site{ours: strings.HasPrefix(f.Function, ScopeName+"/trace.") || inOurFile(f.File)}
	if !s.ours && f.Function != "" {
		s.attrs = []attribute.KeyValue{semconv.CodeFunctionNameKey.String(f.Function), semconv.CodeLineNumberKey.Int(f.Line)}
	}
	sites.Lock()
	sites.of[pc] = s
	sites.Unlock()
	return s
}

// inOurFile reports whether the file is of this package. An iterator that is compiled into
// the loop over it has the name of the function with the loop, and this package's file.
func inOurFile(file string) bool {
	_, own, _, _ := runtime.Caller(0)
	return path.Dir(file) == path.Dir(own) && !strings.HasSuffix(file, "_test.go")
}
