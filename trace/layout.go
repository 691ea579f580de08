package trace

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/internal/emit"
)

// A Layout is the attributes that many operations end with: some are the same of
// all, and of the others only the keys are. [Op.EndWith] takes the values, and
// makes attributes of them when somebody asks for those.
type Layout struct{ of emit.Layout }

// MaxInts is how many integers a [Layout] may have.
const MaxInts = emit.MaxInts

// NewLayout returns the layout of the fixed attributes, of a string and of some
// integers, in this order. No key may be empty or there twice, but text may be ""
// for no string. It panics where there are more than [MaxInts] integers.
func NewLayout(fixed []attribute.KeyValue, text attribute.Key, ints ...attribute.Key) *Layout {
	l := &Layout{emit.Layout{Fixed: slices.Clone(fixed), Text: text, Blocked: BlockDurationKey}}
	if l.of.N = copy(l.of.Ints[:], ints); l.of.N < len(ints) {
		panic("trace: more integers than a Layout may have") //nolint:forbidigo // a fault of the program, found where it starts
	}
	return l
}

// Values are those of one operation in a [Layout].
type Values struct {
	Layout *Layout
	Text   string
	Ints   [MaxInts]int64 // those that the layout has
}

// EndWith is [Op.End] without an error, and with attributes in a layout.
func (o *Op) EndWith(v *Values) {
	if o == nil {
		return
	}
	o.endAs("", nil, &emit.Values{Layout: &v.Layout.of, Text: v.Text, Ints: v.Ints})
}
