# Every target works from a fresh clone; .ci/run runs the same ones.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 10s
TOOLS = build/tools/staticcheck build/tools/govulncheck

.PHONY: build test lint proto demo localnet bench fuzz race clean

build: ## build/mprd, the one binary
	go build -trimpath -ldflags '-X main.version=$(VERSION)' -o build/mprd ./cmd/mprd

test: ## structure tests first, then everything
	go test ./scripts
	go test -timeout 12m ./...

race: ## the race detector on the packages that meet goroutines
	go test -race -p 4 -timeout 10m ./abci ./agent/... ./audit
	go test -race -run AtOnce ./state

lint: $(TOOLS) ## gofmt, go vet, staticcheck, govulncheck
	@scripts/lint.sh

proto: ## *.pb.go from proto/ (needs protoc; Debian: protobuf-compiler)
	@scripts/proto.sh

demo: build ## the main job on real input; ends by itself
	@scripts/demo.sh

localnet: build ## four validators on loopback; ctrl-c ends them
	build/mprd localnet

bench: ## tables and JSON lines of docs/bench/
	@scripts/bench.sh

fuzz: ## every fuzz target for FUZZTIME
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

clean: ## what was built here (the Go caches stay)
	rm -rf build

build/tools/staticcheck: tools/go.mod tools/go.sum
	cd tools && go build -o ../$@ honnef.co/go/tools/cmd/staticcheck
build/tools/govulncheck: tools/go.mod tools/go.sum
	cd tools && go build -o ../$@ golang.org/x/vuln/cmd/govulncheck
