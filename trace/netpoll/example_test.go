package netpoll_test

import (
	"fmt"
	"net"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// printing prints when a call parks and what wakes it, and signals each park on parked.
type printing struct{ parked chan struct{} }

func (l printing) Park(p netpoll.Park) { l.parked <- struct{}{} } // it has room: Park must not wait
func (printing) Wake(w netpoll.Wake) {
	if w.Reason != "" {
		fmt.Println("woken:", w.Reason)
	}
}

func ExampleObserver() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = peer.Close() }()
	nc, err := l.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	conn := netpoll.Wrap(nc)
	defer func() { _ = conn.Close() }()

	observer := printing{parked: make(chan struct{}, 100)}
	conn.ObserveRead(observer)
	done := make(chan error)
	go func() {
		_, err := conn.Read(make([]byte, 8))
		done <- err
	}()
	<-observer.parked
	_, _ = peer.Write([]byte("hello"))
	fmt.Println(<-done)
}
