package measure

import (
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// Limit is the maximum number of attribute sets of a histogram, the SDK's default.
// Further ones share the set otel.metric.overflow.
const Limit = 2000

var overflow = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// A Histogram replaces a synchronous histogram of OpenTelemetry; see [Set.Provider]. Its
// values are integers: bytes or, if the instrument's unit is seconds, nanoseconds.
//
// Methods are safe for concurrent use.
type Histogram struct {
	Name, Description, Unit string
	Bounds                  []float64 // of the instrument, in its unit
	Seconds                 bool      // values are nanoseconds
	Start                   time.Time // when it was made

	bounds []int64 // of the values

	mu      sync.RWMutex
	series  map[attribute.Distinct]*Series
	windows int // how many have a minimum and a maximum of their own; window 0 is since Start
}

// MaxBounds is the maximum number of bounds of a Histogram.
const MaxBounds = 15

func newHistogram(name, description, unit string, bounds []float64, scale float64) *Histogram {
	h := &Histogram{
		Name: name, Description: description, Unit: unit, Bounds: bounds, Seconds: scale != 1, Start: time.Now(),
		series: map[attribute.Distinct]*Series{}, windows: 1,
	}
	for _, b := range bounds {
		h.bounds = append(h.bounds, int64(b*scale+.5))
	}
	return h
}

// Series returns the series with these attributes.
func (h *Histogram) Series(set attribute.Set) *Series {
	h.mu.RLock()
	s := h.series[set.Equivalent()]
	h.mu.RUnlock()
	if s != nil {
		return s
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s = h.series[set.Equivalent()]; s != nil {
		return s
	}
	if len(h.series) >= Limit-1 {
		set = overflow
		if s = h.series[set.Equivalent()]; s != nil {
			return s
		}
	}
	s = &Series{Attributes: set, of: h, cells: map[*Cell]struct{}{}}
	s.shared.extent = nothing
	h.series[set.Equivalent()] = s
	return s
}

// All returns all series.
func (h *Histogram) All() []*Series {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.series))
}

// Window returns a new window for [Series.Collect]. It begins with all values since
// Start.
func (h *Histogram) Window() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.windows++
	return h.windows - 1
}

// Series is the values of a histogram with one attribute set. Methods are safe for
// concurrent use.
type Series struct {
	Attributes attribute.Set

	of        *Histogram
	shared    Cell
	exemplars exemplars

	mu      sync.Mutex
	cells   map[*Cell]struct{} // of connections
	rest    Totals             // of removed cells
	windows []extent           // not yet collected, by window
}

// Record records a value that belongs to no connection, or to one without a cell.
func (s *Series) Record(v int64) { s.RecordTo(&s.shared, v) }

// RecordTo records a value in a cell of the series.
func (s *Series) RecordTo(c *Cell, v int64) { c.record(s.of.bounds, v) }

// Add adds a cell.
func (s *Series) Add(c *Cell) {
	c.extent = nothing
	s.mu.Lock()
	s.cells[c] = struct{}{}
	s.mu.Unlock()
}

// Remove removes a cell that is no longer used, and keeps its values.
func (s *Series) Remove(c *Cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cells[c]; !ok {
		return
	}
	delete(s.cells, c)
	s.stretch(c.collect(&s.rest))
}

// stretch extends all windows by v. The lock is held.
func (s *Series) stretch(v extent) {
	if v.empty() {
		return
	}
	for i := range s.windows {
		s.windows[i].add(v)
	}
}

// Collect returns all values since the Histogram's Start. The minimum and the maximum
// are those since Start for window 0, and since the last Collect for the others.
func (s *Series) Collect(window int) (t Totals) {
	s.of.mu.RLock()
	windows := s.of.windows
	s.of.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.windows) < windows {
		since := nothing
		if len(s.windows) > 0 {
			since = s.windows[0]
		}
		s.windows = append(s.windows, since)
	}
	t = s.rest
	s.stretch(s.shared.collect(&t))
	for c := range s.cells {
		s.stretch(c.collect(&t))
	}
	t.Min, t.Max = s.windows[window].min, s.windows[window].max
	if window > 0 {
		s.windows[window] = nothing
	}
	return t
}

// Totals are the sums of cells.
type Totals struct {
	Buckets  [MaxBounds + 1]uint64
	Sum      int64
	Min, Max int64 // Min > Max: none
}

// Count returns how many values there are.
func (t *Totals) Count() (n uint64) {
	for _, b := range t.Buckets {
		n += b
	}
	return n
}

// A Cell is one connection's share of a series. It must be added to the series.
type Cell struct {
	mu      sync.Mutex // so that a value is in all of these or in none
	buckets [MaxBounds + 1]uint64
	sum     int64
	extent  extent // since it was last collected
}

func (c *Cell) record(bounds []int64, v int64) {
	i := 0
	for i < len(bounds) && v > bounds[i] {
		i++
	}
	c.mu.Lock()
	c.buckets[i]++
	c.sum += v
	c.extent.add(extent{v, v})
	c.mu.Unlock()
}

// collect adds the cell's values to t, and returns their extent since its last call.
func (c *Cell) collect(t *Totals) extent {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range c.buckets {
		t.Buckets[i] += n
	}
	t.Sum += c.sum
	e := c.extent
	c.extent = nothing
	return e
}
