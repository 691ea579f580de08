package session

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// instruments are those of all connections with one meter.
type instruments struct {
	meter     metric.Meter
	open      metric.Int64UpDownCounter
	handshake metric.Float64Histogram
	messages  metric.Int64Counter
	size      metric.Int64Histogram
	bytes     metric.Int64Counter
	waiting   metric.Int64UpDownCounter
	pongs     metric.Int64Counter
}

var (
	handshakeBuckets = []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10} // as those of HTTP
	sizeBuckets      = []float64{0, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20}
)

func newInstruments(m metric.Meter) *instruments {
	mk := maker{m}
	return &instruments{
		meter:     m,
		open:      mk.upDown(semconv.MetricOpenConnections, "{connection}", "WebSocket connections that are open."),
		handshake: mk.seconds(semconv.MetricHandshakeDuration, "Duration of opening handshakes.", handshakeBuckets),
		messages:  mk.counter(semconv.MetricMessages, "{message}", "Messages that passed whole."),
		size:      mk.sizes(semconv.MetricMessageSize, "Payload of messages that the program read or wrote.", sizeBuckets),
		bytes:     mk.counter(semconv.MetricIO, "By", "Bytes of frames, as on the wire."),
		waiting:   mk.upDown(semconv.MetricWritesWaiting, "{write}", "Writes that wait for another message to be written."),
		pongs:     mk.counter(semconv.MetricPongsIgnored, "{frame}", "Trace pongs of the peer that were not as they must be."),
	}
}

// maker makes instruments, no-ops where the meter fails.
type maker struct{ metric.Meter }

func (m maker) counter(name, unit, what string) metric.Int64Counter {
	i, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made[metric.Int64Counter](i, err, noop.Int64Counter{})
}

func (m maker) upDown(name, unit, what string) metric.Int64UpDownCounter {
	i, err := m.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made[metric.Int64UpDownCounter](i, err, noop.Int64UpDownCounter{})
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

// latest are the instruments that were made last: a program has one meter.
var latest atomic.Pointer[instruments]

func instrumentsOf(m metric.Meter) *instruments {
	if !reflect.ValueOf(m).Comparable() {
		return newInstruments(m)
	}
	i := latest.Load()
	if i == nil || i.meter != m {
		i = newInstruments(m)
		latest.Store(i)
	}
	return i
}

// enabled reports whether anything is recorded. The instruments of a no-op meter
// say no, and so do the global ones for as long as the program has set no other.
func (i *instruments) enabled(ctx context.Context, t *trace.Tracer) bool {
	return i.messages.Enabled(ctx) || i.size.Enabled(ctx) || i.bytes.Enabled(ctx) || i.open.Enabled(ctx) ||
		i.handshake.Enabled(ctx) || i.waiting.Enabled(ctx) || i.pongs.Enabled(ctx) || core.Of(t).Measures(ctx)
}

// meter records the metrics of one connection. A nil meter does nothing.
type meter struct {
	*instruments
	*options
}

// options are what a recording is given, made once so that it allocates nothing.
type options struct {
	role              attribute.KeyValue
	add               []metric.AddOption
	receive, transmit direction
}

type direction struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

var optionsOf = map[string]*options{roleClient: newOptions(roleClient), roleServer: newOptions(roleServer)}

func newOptions(role string) *options {
	r := semconv.WebSocketRoleKey.String(role)
	along := func(d attribute.KeyValue) direction {
		set := metric.WithAttributeSet(attribute.NewSet(r, d))
		return direction{[]metric.AddOption{set}, []metric.RecordOption{set}}
	}
	return &options{
		role:     r,
		add:      []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(r))},
		receive:  along(receive),
		transmit: along(transmit),
	}
}

// meterOf returns the meter of a connection, nil where nothing is recorded.
func meterOf(ctx context.Context, t *trace.Tracer, role string) *meter {
	m := core.Of(t).Meter()
	if m == nil {
		return nil
	}
	if i := instrumentsOf(m); i.enabled(ctx, t) {
		return &meter{i, optionsOf[role]}
	}
	return nil
}

func (m *meter) addOpen(ctx context.Context, n int64) {
	if m != nil {
		m.open.Add(ctx, n, m.add...)
	}
}

// recordHandshake records a handshake that began at start and is over.
func (m *meter) recordHandshake(ctx context.Context, start time.Time, status int, errorType string) {
	if m == nil {
		return
	}
	attrs := append(make([]attribute.KeyValue, 0, 3), m.role)
	if status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCodeKey.Int(status))
	}
	if errorType != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(errorType))
	}
	m.handshake.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
}

// recordRead and recordWrite record the size of a message, unless err says that it failed
// or it is not known.
func (m *meter) recordRead(c call, size int64, err error) {
	if m != nil && err == nil && size >= 0 {
		m.size.Record(c.context(), size, m.receive.record...)
	}
}

func (m *meter) recordWrite(c call, size int64, err error) {
	if m != nil && err == nil && size >= 0 {
		m.size.Record(c.context(), size, m.transmit.record...)
	}
}

func (m *meter) addWaiting(ctx context.Context, n int64) {
	if m != nil {
		m.waiting.Add(ctx, n, m.add...)
	}
}

// countReceived records n bytes from the wire, without trace pongs, and the messages
// that are whole with them.
func (s *Session) countReceived(n int) {
	if s.meter == nil {
		return
	}
	s.mu.Lock()
	ctx, messages := s.in.reader.context(), s.in.count-s.in.metered
	ignored := s.in.ignored - s.in.meteredPongs
	s.in.metered, s.in.meteredPongs = s.in.count, s.in.ignored
	s.mu.Unlock()
	if ignored > 0 {
		s.meter.pongs.Add(ctx, int64(ignored), s.meter.add...)
	}
	if n > 0 {
		s.meter.addBytes(ctx, s.meter.receive, n, messages)
	}
}

// countSent is countReceived for the other direction.
func (s *Session) countSent(n int, err error) {
	if s.meter == nil || n == 0 {
		return
	}
	s.mu.Lock()
	ctx, messages := s.out.writer.context(), s.out.count-s.out.metered
	s.out.metered = s.out.count
	s.mu.Unlock()
	if err != nil {
		messages = 0
	}
	s.meter.addBytes(ctx, s.meter.transmit, n, messages)
}

func (m *meter) addBytes(ctx context.Context, d direction, bytes, messages int) {
	m.bytes.Add(ctx, int64(bytes), d.add...)
	if messages > 0 {
		m.messages.Add(ctx, int64(messages), d.add...)
	}
}
