# SPDX-License-Identifier: Apache-2.0
#
# For people working on barnacle; `make help` says what there is. Where barnacle is a dependency,
# rebar3 and Mix run c_src/Makefile by the hooks in rebar.config and nothing here is used.
#
# Every target that needs something installs it first (scripts/deps): the Debian packages that are
# missing, and nothing where none is.

SHELL := bash
.DEFAULT_GOAL := all
.PHONY: all help deps deps-build deps-demo deps-test deps-bench deps-fuzz deps-valgrind demo bench \
	timelines example-gleam test faults differential mutants properties soak hostile check format readme tidy asan ubsan \
	tsan valgrind fuzz fuzz-coverage clean distclean

# Erlang code for running from this tree. rebar3 and Mix have build directories of their own.
app := _build/make/lib/barnacle
beams := $(app)/ebin

all: deps-build ## Build the native core and the Erlang modules
	@$(MAKE) -s --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(getconf _NPROCESSORS_ONLN)) -C c_src
	@$(MAKE) --no-print-directory $(beams)/barnacle.app

$(beams)/barnacle.app: $(wildcard src/*.erl) src/barnacle.app.src $(wildcard src/*.hrl include/*.hrl)
	@mkdir -p $(beams)
	@rm -f $(beams)/*
	@ln -sfn ../../../../priv $(app)/priv
	@ln -sfn ../../../../include $(app)/include
	@erlc +debug_info -I include -pa $(beams) -o $(beams) src/barnacle_native.erl src/barnacle_strategy.erl \
		src/barnacle_transport.erl
	@erlc +debug_info -DBEHAVIOURS -I include -pa $(beams) -o $(beams) src/*.erl
	@cp src/barnacle.app.src $@

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

deps: deps-test ## Install every Debian package that building, demo and tests need and that is missing
deps-build:
	@scripts/deps build
deps-demo:
	@scripts/deps demo
deps-test:
	@scripts/deps test
deps-bench:
	@scripts/deps bench
deps-fuzz:
	@scripts/deps fuzz
deps-valgrind:
	@scripts/deps valgrind

demo: deps-demo all ## Watch five real nodes find each other by DNS, lose one, and heal
	@examples/demo/run

example-gleam: deps-build ## Build and run the Gleam example with two nodes, where gleam is installed
	@test/facade/example || [ $$? -eq 77 ]

bench: deps-bench all ## Measure, beside what others do; P="p1 p12" measures these of p1 to p12; see bench/README.md
	@bench/run $(P)

soak: deps-bench all ## Run 200 barnacles in a hostile world for MINUTES=30, and draw what they hold
	@bench/run soak $(or $(MINUTES),30)

timelines: deps-bench all ## Draw who saw whom in real trouble, beside others; STORY="departed" draws some
	@bench/run timelines $(STORY)

test: deps-test ## Run every test and check; STEPS="eunit ct" runs some, test/run --list names them
	@test/run $(STEPS)

faults: deps-test ## Tell the stories of the fault matrix (test/README.md) at length
	@FAULTS=long SUITE=fault_hosts_SUITE,fault_dns_SUITE,fault_dist_SUITE,fault_storm_SUITE test/run ct

differential: deps-test ## Compare with OTP what barnacle resolves and connects, and print the tables
	@SUITE=resolver_differential_SUITE,connect_differential_SUITE test/run ct; status=$$?; \
		cat _build/differential/resolver.md _build/differential/connect.md; exit $$status

mutants: deps-test ## Break the code on purpose, one patch of test/mutants at a time; each must turn a test red
	@scripts/mutants $(M)

properties: deps-test ## Drive the server through 2,000 sequences, and more histories (test/README.md)
	@FAULTS=long test/run property

hostile: deps-test ## Exchange 20,000 answers of nonsense, 1,000 upgrades and 600 ends of VMs, at work
	@FAULTS=long PROPERTY=prop_hostile test/run property
	@FAULTS=long SUITE=barnacle_ending_SUITE test/run ct

check: test ## What CI runs: the same as make test

format: ## Reformat the C++ code, and the Gleam code where gleam is installed
	@scripts/format

readme: deps-test ## Write tables into README.md and the rooms into CONTRIBUTING.md, from the code
	@test/step/55-readme write

tidy: deps-test ## Run clang-tidy over the core
	@test/run tidy

# At length; the steps doctest-sanitized and vm-sanitized of `make test` are short forms.
asan: deps-test ## Run all tests of native code under AddressSanitizer, in the VM too; takes long
	@test/sanitize/run asan

ubsan: deps-test ## Run the core, the port program and the NIF under UndefinedBehaviorSanitizer
	@test/sanitize/run ubsan

tsan: deps-test ## Run the same under ThreadSanitizer, and the NIF under stress, SECONDS_OF_STRESS=600 for so long
	@test/sanitize/run tsan

valgrind: deps-valgrind ## Run the core's tests and the port program under valgrind; takes long
	@test/sanitize/run valgrind

fuzz: deps-fuzz ## Fuzz the core, a minute a target; RUNS=10000000 so often, T="codec diff" some; see scripts/fuzz
	@scripts/fuzz $(T)

fuzz-coverage: deps-test ## Lines of the core's parsers that the corpus of the fuzz targets reaches
	@scripts/fuzz coverage

clean: ## Remove what was built; keeps the dialyzer's tables and downloads, which take minutes
	@rm -rf _build build
	@if [ -f c_src/Makefile ]; then $(MAKE) --no-print-directory -C c_src clean; fi

distclean: clean ## Remove everything that isn't in git's keeping
	@rm -rf .plt .cache
