module github.com/wakechain/wakechain/examples/jaeger

go 1.26.0
