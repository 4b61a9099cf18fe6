module realbugs/completion

go 1.26.0

require (
	github.com/cilium/cilium v1.20.2
	targets v0.0.0
)

require (
	github.com/petermattis/goid v0.0.0-20250813065127-a731cc31b4fe // indirect
	github.com/sasha-s/go-deadlock v0.3.9 // indirect
	golang.org/x/sync v0.21.0 // indirect
)

replace targets => ../..
