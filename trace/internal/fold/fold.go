// Package fold finds siblings of a tree that would read the same, so that one line can
// stand for many: neighbours alike, and sequences that repeat. What is worth a line of
// its own stays apart: labels say how a node failed, and those that took far longer
// than their like are outliers.
//
// All functions are pure but for [Folder.Set] and [Folder.Mark].
package fold

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"time"
)

// Min is how many neighbours make a fold: two lines read faster than one that says ×2.
const Min = 3

// A node is an outlier if it weighs outlierMin or more, and more than outlierFactor
// times the median of its like among its siblings. If there are more than maxOutliers,
// they are normal here, and only those count that are outliers among them.
const (
	outlierMin    = 10 * time.Millisecond
	outlierFactor = 10
	maxOutliers   = 16
)

// Folder says which nodes of a tree look alike.
type Folder[T comparable] struct {
	Index     func(T) int           // of a node, unique, from 0
	Weight    func(T) time.Duration // what an outlier has more of
	MaxPeriod int                   // the longest sequence that is recognised as repeating
	MinRounds int                   // how often a sequence of several must repeat

	seed    maphash.Seed
	shape   []uint64 // of a node: its label and the shapes below
	outlier []bool   // of a node: among its siblings
}

// New returns a Folder of n nodes.
func New[T comparable](n int, index func(T) int, weight func(T) time.Duration, maxPeriod, minRounds int) *Folder[T] {
	return &Folder[T]{
		Index: index, Weight: weight, MaxPeriod: maxPeriod, MinRounds: minRounds,
		seed: maphash.MakeSeed(), shape: make([]uint64, n), outlier: make([]bool, n),
	}
}

// class is what siblings must share to be folded.
type class struct {
	shape   uint64
	outlier bool
	apart   int // of an outlier that stands alone
}

func (f *Folder[T]) class(x T) class {
	return class{shape: f.shape[f.Index(x)], outlier: f.outlier[f.Index(x)]}
}

// Set notes that x reads as label says, with the nodes below it. It must be called
// from the leaves up. How often each kind comes below is left out.
func (f *Folder[T]) Set(x T, label []byte, below []T) {
	var h maphash.Hash
	h.SetSeed(f.seed)
	h.Write(label)
	var kinds distinct
	for _, c := range below {
		if cl := f.class(c); kinds.add(cl) {
			var b [9]byte
			binary.LittleEndian.PutUint64(b[:], cl.shape)
			if cl.outlier {
				b[8] = 1
			}
			h.Write(b[:])
		}
	}
	f.shape[f.Index(x)] = h.Sum64()
}

// distinct is a set that is cheap while it is small.
type distinct struct {
	few  [8]class
	n    int
	many map[class]bool
}

func (d *distinct) add(c class) bool {
	if slices.Contains(d.few[:min(d.n, len(d.few))], c) || d.many[c] {
		return false
	}
	if d.n < len(d.few) {
		d.few[d.n] = c
	} else {
		if d.many == nil {
			d.many = make(map[class]bool)
		}
		d.many[c] = true
	}
	d.n++
	return true
}

// Outlier reports whether x is one among its siblings, as [Folder.Mark] found.
func (f *Folder[T]) Outlier(x T) bool { return f.outlier[f.Index(x)] }

// Mark finds the outliers among siblings, whose shapes must be set.
func (f *Folder[T]) Mark(siblings []T) {
	if len(siblings) < Min || !slices.ContainsFunc(siblings, func(x T) bool { return f.Weight(x) >= outlierMin }) {
		return
	}
	alike := make(map[uint64][]T)
	for _, x := range siblings {
		alike[f.shape[f.Index(x)]] = append(alike[f.shape[f.Index(x)]], x)
	}
	for _, group := range alike {
		for len(group) >= 2 {
			limit := max(outlierMin, outlierFactor*f.median(group))
			outliers := slices.DeleteFunc(slices.Clone(group), func(x T) bool { return f.Weight(x) < limit })
			if len(outliers) == len(group) {
				break
			}
			if len(outliers) <= maxOutliers {
				for _, x := range outliers {
					f.outlier[f.Index(x)] = true
				}
				break
			}
			group = outliers
		}
	}
}

// median returns the lower one, saturated so that a multiple of it fits.
func (f *Folder[T]) median(group []T) time.Duration {
	ds := make([]time.Duration, len(group))
	for i, x := range group {
		ds[i] = f.Weight(x)
	}
	slices.Sort(ds)
	return min(ds[(len(ds)-1)/2], (1<<63-1)/outlierFactor)
}

// Repeat returns the sequence at the beginning of siblings that covers the most by
// repeating, as its length and how often it comes. It looks no further than what is
// then folded, times a constant, so that folding is linear.
func (f *Folder[T]) Repeat(siblings []T) (period, rounds int) {
	period, rounds = 1, 1
	for p := 1; p <= f.MaxPeriod; p++ {
		n := 0
		for n < len(siblings) && f.same(siblings[n], siblings[n%p]) {
			n++
		}
		least := Min
		if p > 1 {
			least = f.MinRounds
		}
		if r := n / p; r >= least && r*p > period*rounds {
			period, rounds = p, r
		}
	}
	return period, rounds
}

// same reports whether two siblings may be folded. Outliers never are.
func (f *Folder[T]) same(x, y T) bool {
	return x == y || f.shape[f.Index(x)] == f.shape[f.Index(y)] && !f.Outlier(x) && !f.Outlier(y)
}

// Merge returns the nodes by what they share, whatever their order: what a fold has
// inside. With apart each outlier stands alone.
func (f *Folder[T]) Merge(nodes []T, apart bool) (groups [][]T) {
	at := make(map[class]int)
	for _, x := range nodes {
		c := f.class(x)
		if apart && c.outlier {
			c.apart = f.Index(x) + 1
		}
		i, ok := at[c]
		if !ok {
			i = len(groups)
			at[c] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}
