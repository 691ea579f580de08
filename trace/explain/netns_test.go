//go:build linux

package explain_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// link is a pair of network namespaces with a veth pair between them.
type link struct{ near, far string }

// newLink makes a link whose near end sends through this queueing discipline. Without the
// privilege it skips the test and says why; in CI it fails instead.
func newLink(t *testing.T, discipline ...string) link {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "network namespaces need root")
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, "%v (Debian's iproute2 has it)", err)
		}
	}
	id := fmt.Sprintf("wakechain-%d", os.Getpid())
	l := link{near: id + "-near", far: id + "-far"}
	for _, ns := range []string{l.near, l.far} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			skip(t, "ip netns add: %v: %s", err, out)
		}
		t.Cleanup(func() { run(t, "ip", "netns", "delete", ns) })
	}
	run(t, "ip", "-n", l.near, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", l.far)
	for ns, address := range map[string]string{l.near: nearAddress, l.far: farAddress} {
		run(t, "ip", "-n", ns, "address", "add", address+"/30", "dev", "veth0")
		run(t, "ip", "-n", ns, "link", "set", "veth0", "up")
	}
	args := append([]string{"-n", l.near, "qdisc", "add", "dev", "veth0", "root"}, discipline...)
	if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
		skip(t, "tc %v: %v: %s", args, err, out)
	}
	return l
}

func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("did not run: "+format, args...)
	}
	t.Skipf("did not run: "+format, args...)
}

// Addresses of RFC 2544, for benchmarks. They exist in the namespaces alone.
const (
	nearAddress = "198.18.0.1"
	farAddress  = "198.18.0.2"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v: %s", name, args, err, out)
	}
}

// in runs f in a namespace. Sockets that f opens stay in it.
func in(t *testing.T, ns string, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with the goroutine
		fd, err := unix.Open("/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
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
		t.Errorf("namespace %s: %v", ns, err)
	}
}
