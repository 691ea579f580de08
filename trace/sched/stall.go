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

// WithCoolDown sets the minimum time between two files. The default is a minute; d < 0 is
// ignored.
func WithCoolDown(d time.Duration) StallOption {
	return stallFunc(func(c *stallConfig) {
		if d >= 0 {
			c.coolDown = d
		}
	})
}

// WithMaxFiles sets the maximum number of files in the folder. The default is 10; n < 0 is
// ignored.
func WithMaxFiles(n int) StallOption {
	return stallFunc(func(c *stallConfig) {
		if n >= 0 {
			c.maxFiles = n
		}
	})
}

// WithMaxFileBytes sets the maximum size of all files in the folder together, in bytes. The
// default is 100 MiB; n < 0 is ignored.
func WithMaxFileBytes(n int64) StallOption {
	return stallFunc(func(c *stallConfig) {
		if n >= 0 {
			c.maxBytes = n
		}
	})
}

// filePrefix and fileSuffix begin and end the names of OnStall's files.
const (
	filePrefix = "wakechain-"
	fileSuffix = ".trace"
)

// OnStall returns a function for package live to call when a block has lasted long:
//
//	live.Watch(ctx, live.WithTrace(sched.OnStall(rec, "/var/tmp/traces")))
//
// The function writes the recording of r to a new file in dir, wakechain-TIME.trace, and
// returns its name. If r does not run, it runs r for a moment: then the file has the stack
// of each blocked goroutine, and nothing earlier.
//
// It writes no file, and returns "", for a minute after the last one ([WithCoolDown]), and
// while dir has 10 of them or 100 MiB ([WithMaxFiles], [WithMaxFileBytes]). To get more,
// delete some. Files of earlier processes count; OnStall deletes none. The function must
// not be called concurrently.
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
		last = now // even if it fails: that may take as long
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

// room returns the maximum size of another file in bytes; 0 or less if there may be none.
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

// snapshot writes a file of at most limit bytes. If r does not run, it runs for that alone.
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
