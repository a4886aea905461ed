# The commands of the project; `make` lists them. Needs Rust >= 1.95 and Go >= 1.26, and installs the rest (.ci/install).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.PHONY: help run run-three test chaos lint fuzz watch package release deploy-test kubernetes-test compare flamegraph install-run install-test install-fuzz \
	install-watch install-deploy install-kubernetes install-release install-load clean

# Programs that are built from source are kept outside the tree, so that all clones share them.
export AF_REGISTRY_CACHE := $(abspath $(or $(AF_REGISTRY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/af-registry))
export PATH := $(AF_REGISTRY_CACHE)/bin:$(PATH)

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

run: install-run ## start a registry on http://127.0.0.1:5000 (ARGS="--port 5001" for options)
	@exec cargo run --locked --release -- $(ARGS)

run-three: install-run ## start three instances behind a balancer on http://127.0.0.1:5000, to try out what a failure does
	cargo build --locked --release
	@exec cargo run --locked --release --quiet --example three

test: install-test ## run all tests, with real PostgreSQL, Kubo and clients (ARGS="pull" for those named so)
	cargo test --locked -- $(ARGS)

chaos: install-test ## kill, stop and cut three instances and their partners under load (MINUTES=30)
	AF_REGISTRY_CHAOS_MINUTES=$(or $(MINUTES),30) cargo test --locked --test it -- \
		--ignored chaos:: --test-threads=1 --nocapture

lint: export RUSTDOCFLAGS = -D warnings
lint: install-test ## check format, lints, docs, dependencies and scripts
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo doc --locked --no-deps
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	@# Nothing is linked, so libFuzzer need not be built.
	CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a cargo clippy --locked --manifest-path tests/fuzz/Cargo.toml \
		--target-dir "$${CARGO_TARGET_DIR:-target}" -- -D warnings
	.ci/deny
	cargo machete
	grep -rlE '^#!.*[/ ](ba)?sh$$' --exclude-dir=target --exclude-dir=.git . | xargs shellcheck

fuzz: install-fuzz ## search for inputs that break a parser (SECONDS=60 for each parser)
	.ci/fuzz $(or $(SECONDS),60)

watch: install-watch ## watch the registry of `make run`: a Prometheus with the rules and alerts of deploy/
	@echo "watch: graphs on http://127.0.0.1:9090/graph, alerts on http://127.0.0.1:9090/alerts,"
	@echo "watch: the registry's own figures on http://127.0.0.1:9464/metrics; stop with Ctrl-C"
	@exec prometheus --config.file=deploy/prometheus/prometheus.yml --storage.tsdb.path="$(AF_REGISTRY_CACHE)/watch" \
		--web.listen-address=127.0.0.1:9090 --log.level=warn --enable-feature=exemplar-storage

package: install-release ## build the Debian package into target/
	cargo build --locked --release
	deploy/debian/build "$${CARGO_TARGET_DIR:-target}/release/af-registry" target

release: install-release ## make the files of a release in target/release-VERSION (VERSION=1.2.3; RELEASE.md)
	@deploy/release $(VERSION)

deploy-test: install-deploy ## test what deploy/ holds, with the real programs
	cargo build --locked
	@for test in deploy/test/*; do [ ! -x "$$test" ] || "$$test" --server "$${CARGO_TARGET_DIR:-target}/debug/af-registry"; done

kubernetes-test: install-kubernetes ## install the chart into a real API server of Kubernetes, whose build takes a quarter of an hour
	@python3 deploy/test/kubernetes.py

compare: install-run install-load ## measure beside distribution and Kubo (ARGS="--quick" takes 3 minutes instead of 20)
	cargo build --locked --release
	loadtest/compare --server "$${CARGO_TARGET_DIR:-target}/release/af-registry" $(ARGS)

flamegraph: install-run install-load ## draw where CPU goes (CASE=push|pull|hot|manifest|small|tls-pull) into flamegraphs/
	cargo build --locked --release
	loadtest/flamegraph --server "$${CARGO_TARGET_DIR:-target}/release/af-registry" $(ARGS) \
		$(or $(CASE),push) flamegraphs/$(or $(CASE),push)-$$(date +%F).svg

install-run: ## install what `make run` needs: the programs of PostgreSQL, and Kubo
	@.ci/install run

install-test: ## install what `make test` and `make lint` need
	@.ci/install test

install-fuzz: ## install what `make fuzz` needs: cargo-fuzz and a C++ compiler
	@.ci/install fuzz

install-watch: ## install what `make watch` needs: Prometheus
	@.ci/install watch

install-deploy: ## install what `make deploy-test` needs
	@.ci/install deploy

install-kubernetes: ## install what `make kubernetes-test` needs
	@.ci/install kubernetes

install-release: ## install what `make package` and `make release` need
	@.ci/install release

install-load: ## install what `make compare` and `make flamegraph` need
	@.ci/install load

clean: ## delete what was built in the tree (the cache in ~/.cache/af-registry stays)
	cargo clean
