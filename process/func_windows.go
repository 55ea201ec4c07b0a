package process

import "os"

// stopSignals end the context of a worker function.
var stopSignals = []os.Signal{os.Interrupt}

// hasExtraFiles says that a worker can't be given more than three descriptors.
const hasExtraFiles = false

func closeOnExec(int) {}
