# Every command of the project; `make` alone lists them. Needs Rust >= 1.95 and Go >= 1.26, installs the rest (.ci/install).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.PHONY: help run test lint fuzz install-run install-test install-fuzz clean

# Programs that are built rather than packaged live outside the tree, so every clone shares them.
export AF_REGISTRY_CACHE := $(abspath $(or $(AF_REGISTRY_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/af-registry))
export PATH := $(AF_REGISTRY_CACHE)/bin:$(PATH)

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

run: install-run ## start a registry on http://127.0.0.1:5000 (ARGS="--port 5001" for options)
	@exec cargo run --locked --release -- $(ARGS)

test: install-test ## run every test, against real partners and clients (ARGS="pull" to choose)
	cargo test --locked -- $(ARGS)

lint: export RUSTDOCFLAGS = -D warnings
lint: install-test ## check format, lints, docs, dependencies and scripts
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo doc --locked --no-deps
	cargo fmt --manifest-path tests/fuzz/Cargo.toml --check
	@# Nothing is linked, so libFuzzer is not built.
	CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a cargo clippy --locked --manifest-path tests/fuzz/Cargo.toml \
		--target-dir "$${CARGO_TARGET_DIR:-target}" -- -D warnings
	.ci/deny
	cargo machete
	grep -rlE '^#!.*[/ ](ba)?sh$$' --exclude-dir=target --exclude-dir=.git . | xargs shellcheck

fuzz: install-fuzz ## look for inputs that break a parser (SECONDS=60 for each of them)
	.ci/fuzz $(or $(SECONDS),60)

install-run: ## install what `make run` needs: PostgreSQL's programs and Kubo
	@.ci/install run

install-test: ## install what `make test` and `make lint` need beyond that
	@.ci/install test

install-fuzz: ## install what `make fuzz` needs: cargo-fuzz and a C++ compiler
	@.ci/install fuzz

clean: ## forget what was built in the tree (the cache stays in ~/.cache/af-registry)
	cargo clean
