package trace

// ScopeName is the instrumentation scope of every span that wakechain emits.
const ScopeName = "github.com/wakechain/wakechain"

// Version is the version of the module, given as the scope's version.
const Version = "0.1.0"
