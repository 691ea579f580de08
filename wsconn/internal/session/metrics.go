package session

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/measure"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// instruments are shared by all connections with one meter. Per-message counts are kept
// in tallies. Synchronous instruments are for rare values, and for message sizes if
// package meter does not collect these.
type instruments struct {
	meter     metric.Meter
	handshake metric.Float64Histogram
	pongs     metric.Int64Counter
	size      metric.Int64Histogram
	observed

	roles map[string]*roleTally

	looked atomic.Bool // sizes is final
	sizes  atomic.Pointer[measure.Histogram]
}

var (
	handshakeBuckets = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10} // those of HTTP, in seconds
	sizeBuckets      = []float64{0, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}
)

func newInstruments(m metric.Meter) *instruments {
	mk := maker{m}
	i := &instruments{
		meter:     m,
		handshake: mk.seconds(semconv.MetricHandshakeDuration, "Duration of opening handshakes.", handshakeBuckets),
		pongs:     mk.counter(semconv.MetricPongsIgnored, "{frame}", "Trace pongs of the peer that were not as they must be."),
		size:      mk.sizes(semconv.MetricMessageSize, "Payload of messages that the program read or wrote.", sizeBuckets),
		roles:     map[string]*roleTally{roleClient: {}, roleServer: {}},
	}
	i.open = mk.upDown(semconv.MetricOpenConnections, "{connection}", "WebSocket connections that are open.")
	i.messages = mk.observed(semconv.MetricMessages, "{message}", "Messages that passed whole.")
	i.bytes = mk.observed(semconv.MetricIO, "By", "Bytes of frames, as on the wire.")
	i.waiting = mk.upDown(semconv.MetricWritesWaiting, "{write}", "Writes that wait for another message to be written.")
	var err error
	if i.registration, err = m.RegisterCallback(i.observe, i.open, i.messages, i.bytes, i.waiting); err != nil {
		otel.Handle(err)
	}
	return i
}

// maker creates instruments, no-ops if the meter fails.
type maker struct{ metric.Meter }

func (m maker) counter(name, unit, what string) metric.Int64Counter {
	i, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made[metric.Int64Counter](i, err, noop.Int64Counter{})
}

func (m maker) upDown(name, unit, what string) metric.Int64ObservableUpDownCounter {
	i, err := m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made[metric.Int64ObservableUpDownCounter](i, err, noop.Int64ObservableUpDownCounter{})
}

func (m maker) observed(name, unit, what string) metric.Int64ObservableCounter {
	i, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made[metric.Int64ObservableCounter](i, err, noop.Int64ObservableCounter{})
}

func (m maker) seconds(name, what string, buckets []float64) metric.Float64Histogram {
	i, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(buckets...))
	return made[metric.Float64Histogram](i, err, noop.Float64Histogram{})
}

func (m maker) sizes(name, what string, buckets []float64) metric.Int64Histogram {
	i, err := m.Int64Histogram(name, metric.WithUnit("By"), metric.WithDescription(what), metric.WithExplicitBucketBoundaries(buckets...))
	return made[metric.Int64Histogram](i, err, noop.Int64Histogram{})
}

func made[T any](i T, err error, otherwise T) T {
	if err != nil {
		otel.Handle(err)
		return otherwise
	}
	return i
}

// instrumentsFor holds the instruments by meter, so that each meter has one callback.
var instrumentsFor = measure.Registry[instruments]{Drop: func(i *instruments) {
	if i.registration != nil {
		_ = i.registration.Unregister()
	}
}}

func instrumentsOf(m metric.Meter) *instruments {
	return instrumentsFor.Of(m, func() *instruments { return newInstruments(m) })
}

// enabled reports whether anything is recorded. Instruments of a no-op meter are
// disabled, and so are the global ones until the program sets a provider. Observable
// instruments do not report that, so they count once they have been collected.
func (i *instruments) enabled(ctx context.Context, t *trace.Tracer) bool {
	return i.size.Enabled(ctx) || i.handshake.Enabled(ctx) || i.pongs.Enabled(ctx) || i.asked.Load() || core.Of(t).Measures(ctx)
}

// collected returns the histogram of sizes if package meter collects it, else nil.
func (i *instruments) collected(ctx context.Context) *measure.Histogram {
	if !i.looked.Load() && i.size.Enabled(ctx) { // before that, a producer may still be registered
		i.sizes.Store(measure.Behind(i.size))
		i.looked.Store(true)
	}
	return i.sizes.Load()
}

// meter records the metrics of one connection. A nil meter does nothing.
type meter struct {
	*instruments
	*options
	*tally
	sizes [2]*measure.Series // by direction; nil: the instrument size is used
	reads *measure.Series    // blocks of reads; nil: no producer collects them
}

var optionsOf = map[string]*options{roleClient: newOptions(roleClient), roleServer: newOptions(roleServer)}

func newOptions(role string) *options {
	r := semconv.WebSocketRoleKey.String(role)
	along := func(d attribute.KeyValue) direction {
		set := attribute.NewSet(r, d)
		opt := metric.WithAttributeSet(set)
		return direction{set, opt, []metric.RecordOption{opt}}
	}
	own := metric.WithAttributeSet(attribute.NewSet(r))
	return &options{
		role: r, add: []metric.AddOption{own}, observe: own,
		along: [2]direction{inward: along(receive), outward: along(transmit)},
	}
}

var readBlocks = attribute.NewSet(semconv.BlockReasonKey.String(string(semconv.ReasonNetRead)))

// meterOf returns the meter of a connection, nil if nothing is recorded.
func meterOf(ctx context.Context, t *trace.Tracer, role string) *meter {
	given := core.Of(t).Meter()
	if given == nil {
		return nil
	}
	i := instrumentsOf(given)
	if !i.enabled(ctx, t) {
		return nil
	}
	m := &meter{instruments: i, options: optionsOf[role], tally: new(tally)}
	if h := i.collected(ctx); h != nil {
		for n := range m.sizes {
			m.sizes[n] = h.Series(m.along[n].set)
		}
	}
	if h := core.Of(t).Blocks(); h != nil {
		m.reads = h.Series(readBlocks)
	}
	i.roles[role].register(m)
	return m
}

func (m *meter) addOpen(n int64) {
	if m != nil {
		m.tally.role.open.Add(n)
		m.tally.role.everOpen.Store(true)
	}
}

// recordHandshake records a completed handshake that began at start.
func (m *meter) recordHandshake(ctx context.Context, start time.Time, status int, errorType string) {
	if m == nil {
		return
	}
	attrs := append(make([]attribute.KeyValue, 0, 3), m.options.role)
	if status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCodeKey.Int(status))
	}
	if errorType != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType))
	}
	m.handshake.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
}

// recordRead and recordWrite record the size of a message, unless it failed or its size
// is not known.
func (m *meter) recordRead(c call, in oteltrace.SpanContext, size int64, err error) {
	if m != nil && err == nil && size >= 0 {
		m.recordSize(c, in, inward, size)
	}
}

func (m *meter) recordWrite(c call, in oteltrace.SpanContext, size int64, err error) {
	if m != nil && err == nil && size >= 0 {
		m.recordSize(c, in, outward, size)
	}
}

// recordSize records the size of c's message; in is its span if a producer collects
// exemplars.
func (m *meter) recordSize(c call, in oteltrace.SpanContext, along int, size int64) {
	s := m.sizes[along]
	if s == nil {
		m.size.Record(c.context(), size, m.along[along].record...)
		return
	}
	s.RecordTo(&m.tally.sizes[along], size)
	runtime.KeepAlive(m)
	if in.IsSampled() {
		s.Note(in, size)
	}
}

func (m *meter) addWaiting(n int64) {
	if m != nil {
		m.tally.role.waiting.Add(n)
		m.tally.role.everWaiting.Store(true)
	}
}

// countReceived counts n received bytes, without trace pongs, and the messages that
// they complete. It returns how many ignored trace pongs to count. The caller holds
// s.mu.
func (s *Session) countReceived(n int) (ignored int) {
	if s.meter == nil {
		return 0
	}
	messages := s.in.count - s.in.metered
	ignored = s.in.ignored - s.in.meteredPongs
	s.in.metered, s.in.meteredPongs = s.in.count, s.in.ignored
	if n > 0 {
		s.meter.addBytes(inward, n, messages)
	}
	return ignored
}

// countIgnored counts trace pongs that were malformed or out of place.
func (s *Session) countIgnored(n int) {
	if n > 0 {
		s.meter.pongs.Add(s.base, int64(n), s.meter.add...)
	}
}

// countSent counts n sent bytes, and the messages that they complete.
func (s *Session) countSent(n int, err error) {
	if s.meter == nil || n == 0 {
		return
	}
	messages := s.out.count - s.out.metered
	s.out.metered = s.out.count
	if err != nil {
		messages = 0
	}
	s.meter.addBytes(outward, n, messages)
}

func (m *meter) addBytes(along, bytes, messages int) {
	m.tally.bytes[along].Add(int64(bytes))
	if messages > 0 {
		m.tally.messages[along].Add(int64(messages))
	}
	runtime.KeepAlive(m) // keep the tally registered until here
}
