package chain_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func Example() {
	file := strings.NewReader(`{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"socket_start"}}]},
		"scopeSpans":[{"spans":[
			{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000002","parentSpanId":"0000000000000001",
			 "name":"block","startTimeUnixNano":"1700000000000001000","endTimeUnixNano":"1700000002700001000",
			 "attributes":[{"key":"block.reason","value":{"stringValue":"net.write"}},{"key":"block.cause","value":{"stringValue":"peer_window"}}]},
			{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000003","parentSpanId":"0000000000000001",
			 "name":"wake","startTimeUnixNano":"1700000002700001000","endTimeUnixNano":"1700000002700014000",
			 "attributes":[{"key":"wake.reason","value":{"stringValue":"peer_closed"}}]},
			{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000001",
			 "name":"write","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000002700014000",
			 "attributes":[{"key":"websocket.message.size","value":{"intValue":"13"}}]}]}]}]}`)
	spans, _, err := chain.Read(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := chain.New(spans)
	_ = c.WriteTree(os.Stdout, chain.WithoutTimes(), chain.WithASCII())
	for _, s := range c.Named(semconv.SpanBlock) {
		fmt.Println(s.Operation(), "was blocked because of", s.Str(semconv.BlockCauseKey))
	}
	// Output:
	// write  13 B  2.7s  [socket_start]
	// |- block  2.7s  net.write  peer_window
	// `- wake  13us  peer_closed
	// write #0 (socket_start) was blocked because of peer_window
}
