package sched

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// StallOption configures [OnStall]. The last option of a kind wins.
type StallOption interface{ applyStall(*stallConfig) }

type stallConfig struct {
	coolDown time.Duration
	maxFiles int
	maxBytes int64
}

type stallFunc func(*stallConfig)

func (f stallFunc) applyStall(c *stallConfig) { f(c) }

// WithCoolDown sets how long no other file is written after one. The default is a
// minute; d < 0 is ignored.
func WithCoolDown(d time.Duration) StallOption {
	return stallFunc(func(c *stallConfig) {
		if d >= 0 {
			c.coolDown = d
		}
	})
}

// WithMaxFiles sets how many files there may be in the folder. The default is 10;
// n < 0 is ignored.
func WithMaxFiles(n int) StallOption {
	return stallFunc(func(c *stallConfig) {
		if n >= 0 {
			c.maxFiles = n
		}
	})
}

// WithMaxFileBytes sets how many bytes all files in the folder may have together. The
// default is 100 MiB; n < 0 is ignored.
func WithMaxFileBytes(n int64) StallOption {
	return stallFunc(func(c *stallConfig) {
		if n >= 0 {
			c.maxBytes = n
		}
	})
}

// filePrefix and fileSuffix are what the names of OnStall's files begin and end with.
const (
	filePrefix = "wakechain-"
	fileSuffix = ".trace"
)

// OnStall returns what package live calls when a block has lasted long:
//
//	live.Watch(ctx, live.WithTrace(sched.OnStall(rec, "/var/tmp/traces")))
//
// It writes what r has recorded to a new file in dir, wakechain-TIME.trace, and
// returns its name. Where r does not run, it runs it for a moment: then the file has
// the stack of each goroutine that is blocked, and nothing of before.
//
// No file is written, and the name is "", for a minute after one ([WithCoolDown]), and
// while dir has 10 of them or 100 MiB ([WithMaxFiles], [WithMaxFileBytes]): delete
// some, and there will be others. Files of earlier processes count; no file is
// deleted here. The function may not be called concurrently.
func OnStall(r *Recorder, dir string, opts ...StallOption) func() (file string, err error) {
	c := stallConfig{coolDown: time.Minute, maxFiles: 10, maxBytes: 100 << 20}
	for _, o := range opts {
		if o != nil {
			o.applyStall(&c)
		}
	}
	var last time.Time
	return func() (string, error) {
		now := time.Now()
		if !last.IsZero() && now.Sub(last) < c.coolDown {
			return "", nil
		}
		left, err := c.room(dir)
		if err != nil || left <= 0 {
			return "", err
		}
		last = now // also of one that fails: it may have taken as long
		name := filepath.Join(dir, filePrefix+now.UTC().Format("20060102T150405.000000000Z")+fileSuffix)
		err = r.snapshot(name, left)
		switch {
		case errors.Is(err, errTooLarge):
			return "", nil
		case err != nil:
			return "", err
		}
		return name, nil
	}
}

// room returns how many bytes another file may have, 0 where there may be none.
func (c *stallConfig) room(dir string) (int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("sched: %w", err)
	}
	files, left := 0, c.maxBytes
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filePrefix) || !strings.HasSuffix(e.Name(), fileSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil {
			files++
			left -= info.Size()
		}
	}
	if files >= c.maxFiles {
		return 0, nil
	}
	return left, nil
}

// snapshot writes a file of at most limit bytes, of a recorder that runs, or which
// runs for that alone.
func (r *Recorder) snapshot(name string, limit int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.running {
		if err := r.start(); err != nil {
			return err
		}
		defer r.stop()
	}
	return r.writeFile(name, limit)
}
