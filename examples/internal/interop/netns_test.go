//go:build linux

package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

// link is two network namespaces with a veth pair between them.
type link struct{ near, far string }

// Addresses of RFC 2544, for benchmarks; only the namespaces know them.
const (
	nearAddress = "198.18.0.1"
	farAddress  = "198.18.0.2"
)

// newLink makes a link on which the near end sends through the queueing
// discipline, if there is one. Names of one process's links differ in name.
func newLink(t *testing.T, name string, discipline ...string) *link {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "network namespaces need root")
	}
	browser.Need(t, "ip")
	browser.Need(t, "tc")
	id := fmt.Sprintf("interop-%d-%s", os.Getpid(), name)
	l := &link{near: id + "-near", far: id + "-far"}
	for _, ns := range []string{l.near, l.far} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			missing(t, "ip netns add: %v: %s", err, out)
		}
		t.Cleanup(func() { command(t, "ip", "netns", "delete", ns) })
	}
	command(t, "ip", "-n", l.near, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", l.far)
	for ns, address := range map[string]string{l.near: nearAddress, l.far: farAddress} {
		command(t, "ip", "-n", ns, "address", "add", address+"/30", "dev", "veth0")
		command(t, "ip", "-n", ns, "link", "set", "veth0", "up")
	}
	if len(discipline) > 0 {
		args := append([]string{"-n", l.near, "qdisc", "add", "dev", "veth0", "root"}, discipline...)
		if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
			missing(t, "tc %v: %v: %s", args, err, out)
		}
	}
	return l
}

// cut takes the far end down: what is sent vanishes, without a word.
func (l *link) cut(t *testing.T) { command(t, "ip", "-n", l.far, "link", "set", "veth0", "down") }

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v: %s", name, args, err, out)
	}
}

// inNear runs f in the near namespace. What f opens stays there.
func (l *link) inNear(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		fd, err := unix.Open("/run/netns/"+l.near, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Errorf("namespace %s: %v", l.near, err)
	}
}

// python starts a Python peer in the far namespace.
func (l *link) python(t *testing.T, script, url string) *program {
	t.Helper()
	p, _ := start(t, "ip", "netns", "exec", l.far, needPython(t, "websockets"), script, url)
	return p
}
