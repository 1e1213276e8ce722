# The commands of uturn's developers; everything they do is in CMake, ctest and packaging/.
ARGS ?=
JOBS ?= $(shell nproc)
# Most tests wait for somebody half of their time.
TEST_JOBS ?= $(shell expr $(JOBS) + 1)

# What runs a second time under the thread sanitizer: the test programs whose code crosses shards.
TSAN_PROGRAMS := io http server threads

.PHONY: run test bench package format lint clean
.NOTPARALLEL:

# Builds the server and starts it in quick start: `make run ARGS="--io epoll"` passes flags on.
run:
	packaging/install-deps.sh
	cmake --preset release
	cmake --build --preset release -j $(JOBS) --target uturn
	build/release/server/uturn serve $(ARGS)

# ctest, and why each skipped test was skipped.
CTEST := python3 tests/harness/run_ctest.py

# Every test this machine can run. The thread sanitizer needs a memory layout without randomness.
test:
	packaging/install-deps.sh --tests
	cmake --preset debug
	cmake --build --preset debug -j $(JOBS)
	cmake --preset tsan
	cmake --build --preset tsan -j $(JOBS) --target $(TSAN_PROGRAMS:%=%_tests)
	@status=0; \
	for program in $(TSAN_PROGRAMS); do \
	  setarch --addr-no-randomize $(CTEST) --test-dir build/tsan --output-on-failure -j $(TEST_JOBS) \
	    --label-regex "^$$program$$" --no-tests=error || status=1; \
	done; \
	$(CTEST) --test-dir build/debug --output-on-failure -j $(TEST_JOBS) --no-tests=error || status=1; \
	if [ $$status -ne 0 ]; then echo "make test: at least one test failed, see above" >&2; fi; \
	exit $$status

# uturn, coturn and a bare forwarder side by side; see bench/README.md. MODE=short takes five
# minutes, full (the default) hours; COTURN=/path/to/turnserver measures another build of coturn.
MODE ?= full
bench:
	packaging/install-deps.sh --bench
	cmake --preset release -DUTURN_BENCH=ON
	cmake --build --preset release -j $(JOBS) --target uturn bare_forwarder
	python3 bench/run.py --mode $(MODE) $(ARGS)

# The .deb and the .rpm, in build/package/packages; the same source gives the same packages.
package: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
package:
	packaging/install-deps.sh --package
	cmake --preset package
	cmake --build --preset package -j $(JOBS) --target uturn_packages
	cpack --config build/package/CPackConfig.cmake -B build/package/packages
	@ls -l build/package/packages/*.deb build/package/packages/*.rpm

SOURCES = $(shell git ls-files '*.cc' '*.h')

format:
	clang-format-19 -i $(SOURCES)

# The format, then clang-tidy over every source that the debug build knows.
lint:
	packaging/install-deps.sh --tests
	clang-format-19 --dry-run --Werror $(SOURCES)
	cmake --preset debug
	printf '%s\n' $(filter %.cc,$(SOURCES)) | grep -v '^tests/fuzz/' | \
	  xargs -P $(JOBS) -n 4 clang-tidy-19 -p build/debug --quiet --warnings-as-errors='*'

clean:
	rm -rf build
