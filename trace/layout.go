package trace

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/internal/emit"
	"github.com/wakechain/wakechain/trace/semconv"
)

// A Layout is the attributes that many operations end with: some are the same of
// all, and of the others only the keys are. [Op.EndWith] takes the values, and
// makes attributes of them when somebody asks for those.
type Layout struct{ of emit.Layout }

// MaxInts is how many integers a [Layout] may have.
const MaxInts = emit.MaxInts

// NewLayout returns the layout of the fixed attributes, of a string and of some
// integers, in this order. No key may be empty or there twice, but text may be ""
// for no string. Integers beyond [MaxInts] are left out, which otel.Handle is told.
func NewLayout(fixed []attribute.KeyValue, text attribute.Key, ints ...attribute.Key) *Layout {
	l := &Layout{emit.Layout{Fixed: slices.Clone(fixed), Text: text, Blocked: semconv.BlockDurationKey}}
	if l.of.N = copy(l.of.Ints[:], ints); l.of.N < len(ints) {
		otel.Handle(fmt.Errorf("trace: a Layout holds %d integers, and not %d", MaxInts, len(ints)))
	}
	return l
}

// Values are those of one operation in a [Layout].
type Values struct {
	Layout *Layout // nil: no attributes
	Text   string
	Ints   [MaxInts]int64 // those that the layout has
}

// EndWith is [Op.End] without an error, and with attributes in a layout.
func (o *Op) EndWith(v *Values) {
	if o == nil {
		return
	}
	laid := emit.Values{Text: v.Text, Ints: v.Ints}
	if v.Layout != nil {
		laid.Layout = &v.Layout.of
	}
	o.endAs("", nil, nil, &laid)
}
