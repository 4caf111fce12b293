.DEFAULT_GOAL := help
.PHONY: help demo test exhaustive bench bench-peers check format build clean setup

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Build, then show what the library does
	.build/release/attend demo

test: setup ## Run the tests
	swift test -c release --disable-xctest --no-parallel

exhaustive: setup ## Hold exp, tanh and sigmoid of every float against double
	Tests/Exhaustive/run

bench: setup ## Time the kernels: naive Swift, scalar C, each instruction set, at 1 and N threads
	swift run -c release --package-path Benchmarks bench

bench-peers: setup ## Time the same work here and in PyTorch, in turns
	swift run -c release --package-path Benchmarks bench peers --python "$$(Benchmarks/peers/environment)"

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
