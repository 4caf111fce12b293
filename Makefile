.DEFAULT_GOAL := help
.PHONY: help demo test sentencepiece exhaustive avx512 bench bench-peers bench-against check format build clean setup

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Build, then show what the library does
	.build/release/attend demo

test: setup ## Run the tests
	swift test -c release --disable-xctest --no-parallel

sentencepiece: ## Build with the trait SentencePiece, without a warning, and run its tests; installs libsentencepiece if it is missing
	@scripts/setup swift libomp sentencepiece
	scripts/check-warnings --traits SentencePiece
	swift test --disable-xctest --skip-build --scratch-path .build/check --traits SentencePiece --filter SentencePiece

exhaustive: setup ## Hold exp, tanh and sigmoid of every float against double
	Tests/Exhaustive/run

avx512: setup ## Run AVX-512's instructions in an emulator
	Tests/Portability/avx512

# Where results and their chart go; `make bench-peers OUTPUT=Benchmarks/results` is what is committed.
OUTPUT ?= Benchmarks/.build/results

bench: setup ## Time the kernels: naive Swift, scalar C, each instruction set, at 1 and N threads
	swift run -c release --package-path Benchmarks bench --output $(OUTPUT)

bench-peers: setup ## The same beside PyTorch and OpenBLAS, in turns
	swift run -c release --package-path Benchmarks bench --output $(OUTPUT) --python "$$(Benchmarks/peers/environment)"

bench-against: setup ## Compare with an earlier commit, BASE=<commit>, in turns; fails where this tree is slower
	@test -n "$(BASE)" || { echo 'bench-against: say which commit: make bench-against BASE=<commit>' >&2; exit 2; }
	Benchmarks/against "$(BASE)"

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
