# One file a person needs: `make run` stands at a prompt, `make test` checks everything.
SHELL       := /bin/bash
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
BENCHTIME   ?= 1s
SERVER      ?=
SEEDS       ?= 1000
SEED        ?= 1
export SERVER
.DEFAULT_GOAL := help

run: ## a shell on a throw-away server in the same process
	$(GO) run ./cmd/zkcli -embedded

build: ## bin/zkcli and bin/zkserver, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/ ./cmd/zkcli ./cmd/zkserver

check: ## the daily one: formatting, vet, unit tests; under 90 s, no Java
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: the files above are not formatted; run make fmt"; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags bench,record,interop,chaos ./server/load ./server/interop ./server/chaos ./cmd/zkcli ./shell
	$(GO) test -short ./...

test: ## everything: lint, race, terminal and crash tests, conformance with Apache
	.ci/setup
	$(MAKE) --no-print-directory lint cross
	$(MAKE) --no-print-directory defects
	$(MAKE) --no-print-directory sim
	.ci/test

race: ## unit tests under the race detector
	$(GO) test -short -race ./...

crash: ## every crash point of a log: each prefix, each flipped bit (minutes)
	ZOOKIT_CRASH=all $(GO) test -timeout 60m -run "PowerCut|CrashPoint" ./server/storage/

sim: ## SEEDS=n seeds of the simulated ensemble from SEED=s on (1000 from 1), for MINUTES=m at most
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 600m -run '^TestSeeds$$' -v ./server/sim/

sim-damaged: ## the same with disks that are damaged: bits flip, disks are emptied, old or swapped, writes get lost
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 600m -run '^TestSeedsDamaged$$' -v ./server/sim/

sim-outage: ## the same with ensembles that go down as a whole, disks damaged meanwhile, and come back in any order
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 600m -run '^TestSeedsOutage$$' -v ./server/sim/

sim-changing: ## the same with members that come, go, vote and observe
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 600m -run '^TestSeedsChanging$$' -v ./server/sim/

sim-alone: ## the same with one server
	SEEDS=$(SEEDS) SEED=$(SEED) $(GO) test -count=1 -timeout 600m -run '^TestSeedsAlone$$' -v ./server/sim/

defects: ## the simulator finds every defect that is planted in the code it runs; DEFECT=name plants one alone, STARTS=n tells the median of n starts
	$(GO) vet -tags defects ./server/...
	$(GO) test -tags defects -count=1 -v -run '^TestDefects$$|^TestShrink$$' ./server/sim ./server/zab

conformance: ## scripts through zkcli and Apache's shell on both servers; SERVER=host:port plays them on that fresh one
	.ci/setup
	$(GO) test -count=1 -p 1 -timeout 20m -run 'Conformance|Planted|Transcript' ./server/... ./cmd/zkcli ./shell/...

interop: ## ensembles of Apache's servers and ours in every mix: roles, joins, kills, sessions, rolling restarts
	.ci/setup
	$(GO) test -tags interop -count=1 -parallel 2 -timeout 20m -v ./server/interop

chaos: ## SECONDS=n of faults at ensembles of processes, in rounds of ROUND=20 from SEED=1 on; MIX=ooo,ooooo+,ooA has a letter a server (A: Apache's) and + for changing members; DEFECT=name plants one
	.ci/setup
	CHAOS_SECONDS="$(SECONDS)" CHAOS_ROUND="$(ROUND)" CHAOS_MIX="$(MIX)" CHAOS_ONLY="$(ONLY)" SEED="$(SEED)" DEFECT="$(DEFECT)" \
	  $(GO) test -tags chaos -count=1 -timeout 600m -run '^TestChaos$$' -v ./server/chaos

# A target with goroutines of its own covers a little more or less each time: minimising by coverage would take all the time.
fuzz: ## each fuzz target for FUZZTIME (10s)
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $${FUZZTIME:-10s} -fuzzminimizetime 20x $$pkg || exit 1; \
	  done; \
	done

bench: build ## Go benchmarks, then both servers side by side; writes bench-out/
	.ci/setup
	mkdir -p bench-out
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./protocol/... ./server ./server/tree ./server/storage ./server/watch ./server/replica | tee bench-out/go.txt
	$(GO) test -tags bench -count=1 -timeout 60m -v -run 'TestBench' ./server/load/ ./shell | tee bench-out/apache.txt

cover: ## statement coverage by package
	$(GO) test -short -cover ./...

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt: the files above are not formatted; run make fmt"; exit 1; }
	$(GO) vet ./... && $(GO) vet -tags bench,record,interop,chaos ./server/load ./server/interop ./server/chaos ./cmd/zkcli ./shell
	$(GO) run $(STATICCHECK) ./...

vuln: ## known vulnerabilities in what is linked (needs the vulnerability database)
	$(GO) run $(GOVULNCHECK) ./...

cross: ## both programs build for every supported platform
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  echo "build $$os/$$arch"; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/zkcli && \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/zkserver || exit 1; \
	done; done

dist: ## release archives with checksums in dist/
	@rm -rf dist && mkdir -p dist
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  name=zookit-$$os-$$arch; ext=; [ $$os = windows ] && ext=.exe; mkdir -p dist/$$name; \
	  for cmd in zkcli zkserver; do \
	    CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags "-s -w" -o dist/$$name/$$cmd$$ext ./cmd/$$cmd || exit 1; \
	  done; \
	  cp LICENSE README.md dist/$$name/; tar -C dist -czf dist/$$name.tar.gz $$name; rm -r dist/$$name; \
	done; done
	@cd dist && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS

docs: ## docs/commands.md and the man page docs/zkcli.1, from the command table
	$(GO) test -count=1 -run '^TestReferenceIsCurrent$$' ./shell -args -update

fmt: ## format the tree
	gofmt -w .

clean: ## what the other targets made
	rm -rf bin dist bench-out

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run build check test race crash sim sim-alone sim-damaged sim-outage sim-changing defects conformance interop chaos fuzz bench cover lint vuln cross dist docs fmt clean help
