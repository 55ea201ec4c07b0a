module github.com/syncstream/syncstream/cmd/syncstream

go 1.26.0

require (
	github.com/clipperhouse/displaywidth v0.11.0
	github.com/rogpeppe/go-internal v1.16.0
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9
	github.com/syncstream/syncstream v0.0.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)

replace github.com/syncstream/syncstream => ../..
