// Wakechain-vet finds code whose waits a trace would not show, and errors that must not be
// ignored:
//
//	go run github.com/wakechain/wakechain/cmd/wakechain-vet@latest ./...
//	go run github.com/wakechain/wakechain/cmd/wakechain-vet@latest -fix ./...
//	go vet -vettool=$(which wakechain-vet) ./...
//
// See package vet for what it reports, and for its limits.
package main

import (
	"os"
	"strings"

	"golang.org/x/tools/go/analysis/singlechecker"
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/wakechain/wakechain/cmd/wakechain-vet/vet"
)

func main() {
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, "-V=") || arg == "-flags" || strings.HasSuffix(arg, ".cfg") {
			unitchecker.Main(vet.Analyzer) // go vet calls its tool like this
		}
	}
	singlechecker.Main(vet.Analyzer)
}
