module github.com/headwater-dev/analytics/cmd/headwater

go 1.25.0

require github.com/headwater-dev/analytics v0.1.0

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	golang.org/x/sync v0.22.0 // indirect
)
