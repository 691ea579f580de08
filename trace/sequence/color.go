package sequence

import "github.com/wakechain/wakechain/trace/semconv"

// color is a color for light and one for dark backgrounds.
type color struct{ class, light, dark string }

var (
	colorNetwork = color{"net", "#d9631e", "#f0883e"} // waits for the other end
	colorRead    = color{"in", "#3b7ddd", "#58a6ff"}  // waits for input
	colorShared  = color{"sync", "#8250df", "#a371f7"}
	colorIdle    = color{"idle", "#8c959f", "#6e7681"}
)

// blockColor returns the color of a block with the reason.
func blockColor(reason string) color {
	switch semconv.Reason(reason) {
	case semconv.ReasonNetWrite, semconv.ReasonNetDial:
		return colorNetwork
	case semconv.ReasonNetRead, semconv.ReasonNetAccept, semconv.ReasonPong:
		return colorRead
	case semconv.ReasonSleep, "":
		return colorIdle
	default:
		return colorShared
	}
}
