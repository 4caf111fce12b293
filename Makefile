.DEFAULT_GOAL := help
.PHONY: help demo test bench check format build clean setup

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Build, then show what the library does
	.build/release/attend demo

test: setup ## Run the tests
	swift test -c release --disable-xctest --no-parallel

bench: setup ## Time the kernels and models against their peers
	swift run -c release --package-path Benchmarks bench

check: setup ## Check the format and build without a warning
	scripts/format --check
	scripts/check-warnings

format: ## Rewrite the sources in the house format
	scripts/format

build: setup ## Build the libraries and the command .build/release/attend
	swift build -c release

clean: ## Remove everything that was built
	rm -rf .build Benchmarks/.build Examples/*/.build

setup:
	@scripts/setup swift libomp
