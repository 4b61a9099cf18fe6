module realbugs/completion

go 1.25.0

require (
	github.com/cilium/cilium v1.19.0
	targets v0.0.0
)

require (
	github.com/petermattis/goid v0.0.0-20250813065127-a731cc31b4fe // indirect
	github.com/sasha-s/go-deadlock v0.3.6 // indirect
	golang.org/x/sync v0.19.0 // indirect
)

replace targets => ../..
