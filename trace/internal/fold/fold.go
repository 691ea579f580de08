// Package fold finds siblings in a tree that read the same, so that one line can stand for
// many: equal neighbours, and sequences that repeat. Nodes that are worth a line of their own
// stay apart: labels include how a node failed, and nodes that took far longer than similar
// ones are outliers.
//
// All functions are pure, except [Folder.Set] and [Folder.Mark].
package fold

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"time"
)

// Min is how many neighbours are folded at least: two lines read faster than one with ×2.
const Min = 3

// A node is an outlier if its weight is outlierMin or more, and more than outlierFactor times
// the median of the similar ones among its siblings. If there are more than maxOutliers, only
// the outliers among those count.
const (
	outlierMin    = 10 * time.Millisecond
	outlierFactor = 10
	maxOutliers   = 16
)

// Folder finds which nodes of a tree read the same.
type Folder[T comparable] struct {
	Index     func(T) int           // of a node, unique, from 0
	Weight    func(T) time.Duration // of a node
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

// Set sets the label of x and the nodes below it. It must be called from the leaves up. The
// number of nodes of each kind below does not matter.
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

// distinct is a set that allocates nothing while it is small.
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

// Outlier reports whether [Folder.Mark] found x to be an outlier.
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

// median returns the lower median, limited so that outlierFactor times it does not overflow.
func (f *Folder[T]) median(group []T) time.Duration {
	ds := make([]time.Duration, len(group))
	for i, x := range group {
		ds[i] = f.Weight(x)
	}
	slices.Sort(ds)
	return min(ds[(len(ds)-1)/2], (1<<63-1)/outlierFactor)
}

// Repeat returns the length of the sequence at the beginning of siblings that covers most of
// them by repeating, and how often it repeats. It looks at no more siblings than a constant
// times those that are then folded, so that folding takes linear time.
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

// Merge groups equal nodes, whatever their order: it is for the inside of a fold. With apart
// each outlier is a group of its own.
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
