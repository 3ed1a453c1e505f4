module github.com/headwater-dev/analytics

go 1.25.0

require (
	github.com/google/uuid v1.6.0
	github.com/klauspost/compress v1.20.3
	golang.org/x/sync v0.22.0
)

require (
	github.com/stretchr/testify v1.12.1
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
