# SPDX-License-Identifier: Apache-2.0
#
# chartfs: one Makefile, not recursive, GNU make. Start reading at "Targets" below.
#
#   make                 the programs, in build/
#   make test            lint and unit tests
#   make check           all of it, as CI runs it (root)
#   make demo            four hospitals, mounted, with a tour; make demo-stop ends it
#   make sim, make bench the simulator; the benchmarks
#   make model           all states of one height of the protocol
#   make kills           real peers killed again and again under load
#   make behind          a real peer BLOCKS blocks behind catches up
#   make snapshot        the same by a snapshot of the state
#   make power           real peers whose disks lose power again and again
#   make fsx             one file of a mount at random, every byte checked
#   make die             a mount killed in the middle of 1,000 saves
#   make big             an attachment of 4 GiB through a mount that may use 256 MiB
#   make office          LibreOffice and Orthanc at work on a mount
#   make nemesis         seven real peers under a random mix of faults
#   make mutations       does the simulator find each mistake that is compiled in on purpose?
#   make fuzz TARGET=tx SECONDS=120    libFuzzer on one of tests/fuzz (clang)
#   make deps            installs the Debian packages the build needs (make check-deps: the tests', too)
#   make MODE=asan unit  unit tests under AddressSanitizer and UBSan, in build/asan/
#   make O=/some/dir     builds there
#   make V=1             shows the commands
#   make unit TESTS='test_buf test_codec' FLOORS=ledger    only these tests, only these floors

# --- settings ---------------------------------------------------------------------------------------

MODE ?= dev
O ?= build$(addprefix /,$(filter-out dev,$(MODE)))
CC = gcc
V ?= 0
PKG_CONFIG ?= pkg-config

# Assertions (assert.h) stay on in every mode.
MODE_dev = -O2 -g -Werror
MODE_release = -O2 -g
MODE_asan = -O1 -g -Werror -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
MODE_tsan = -O1 -g -Werror -fsanitize=thread
# for `make fuzz`, with clang
MODE_fuzz = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
ifndef MODE_$(MODE)
$(error MODE is dev, release, asan, tsan or fuzz, not '$(MODE)')
endif

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
CFLAGS = $(MODE_$(MODE))
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. $(FUSE_CFLAGS) -pthread -ffunction-sections -fdata-sections $(WARNINGS) $(CFLAGS)
# --as-needed: a program does not depend on a library none of its objects uses.
ALL_LDFLAGS = -pthread -Wl,--gc-sections -Wl,--as-needed $(CFLAGS) $(LDFLAGS)

# pkg-config where the library has a .pc file (Debian's nng has none).
libs = $(or $(shell $(PKG_CONFIG) --silence-errors --libs $(1)),$(2))
LIB_CRYPTO := $(call libs,libcrypto,-lcrypto)
LIB_LMDB := $(call libs,lmdb,-llmdb)
LIB_NNG := $(call libs,nng,-lnng)
LIB_INIH := $(call libs,inih,-linih)
LIB_JANSSON := $(call libs,jansson,-ljansson)
LIB_FUSE := $(call libs,fuse3,-lfuse3 -lpthread)
FUSE_CFLAGS := $(or $(shell $(PKG_CONFIG) --silence-errors --cflags fuse3),-I/usr/include/fuse3)

# --- files ------------------------------------------------------------------------------------------

# Bottom to top; a file includes only its own floor and those before it (contrib/check-floors.sh).
FLOORS = ledger acl net fs
MAINS = fs/chartfs.c net/chartfsd.c net/chartfs-ca.c acl/chartfs-verify.c

SRCS := $(foreach f,$(FLOORS),$(filter-out $(MAINS),$(wildcard $(f)/*.c)))
HDRS := $(wildcard $(addsuffix /*.h,$(FLOORS)))
MAIN_SRCS := $(foreach f,$(FLOORS),$(filter $(f)/%,$(wildcard $(MAINS))))
TEST_LIB_SRCS := $(wildcard tests/lib/*.c)
TEST_HDRS := $(wildcard tests/*/*.h)
TESTS = test_*
TEST_SRCS := $(wildcard $(TESTS:%=tests/unit/%.c))
TEST_SCRIPTS := $(wildcard $(TESTS:%=tests/unit/%.sh))
# They find the programs by O. Those of one process, with a mount or without, run beside each other, those with networks
# alone.
SOLO_SCRIPTS := $(shell grep -l 'lib/solo\.sh' tests/mount/*.sh)
SHARED_SCRIPTS := $(SOLO_SCRIPTS) $(wildcard tests/model/*.sh tests/sim/*.sh tests/fuzz/*.sh)
CHECK_SCRIPTS := $(filter-out $(SOLO_SCRIPTS),$(wildcard tests/net/*.sh tests/mount/*.sh))

PROGRAMS = $(addprefix $(O)/,$(basename $(notdir $(MAIN_SRCS))))
UNIT_TESTS = $(TEST_SRCS:%.c=$(O)/%)
ARCHIVES = $(FLOORS:%=$(O)/lib%.a)
FUZZERS = $(patsubst tests/fuzz/%.c,$(O)/%,$(wildcard tests/fuzz/fuzz_*.c))
# Where mistakes can be compiled in, and the programs with one of them each.
MUTABLE := $(wildcard net/pbft*.c) ledger/certificate.c
MUTANTS := $(addprefix $(O)/sim-,$(sort $(shell grep -ohw 'BUG_[A-Z_]*' $(MUTABLE))))
FORMATTED = $(SRCS) $(HDRS) $(MAIN_SRCS) $(wildcard tests/*/*.c) $(TEST_HDRS)

# A short line for each step instead of its command, without V=1.
Q = $(if $(filter 0,$(V)),@echo '  $@' &&)
objects = $(patsubst %.c,$(O)/%.o,$(1))
# The archives of the named floors, top one first, in a group so that their order does not matter.
archives = -Wl,--start-group $(filter $(1:%=$(O)/lib%.a),$(ARCHIVES)) -Wl,--end-group

# --- targets ----------------------------------------------------------------------------------------

.PHONY: all unit test lint check sim model mutations kills power behind snapshot nemesis fsx sqlite big die scale office bench path demo demo-stop fuzz format clean deps check-deps FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

test: lint unit

unit: $(UNIT_TESTS) $(O)/liar $(O)/bare $(O)/rogue $(O)/longledger
	@O=$(O) tests/run.sh $(UNIT_TESTS) $(TEST_SCRIPTS)

# Everything: unit tests, a slice of the simulator and of the fuzzers' corpora, real networks and mounts.
# Needs root: it installs what is missing, mounts, drops caches. The last line is "N passed, N failed".
check: deps check-deps
	$(MAKE) all lint $(O)/sim $(O)/model $(MUTANTS) $(FUZZERS) $(UNIT_TESTS) $(O)/records $(O)/liar \
		$(O)/bare $(O)/rogue $(O)/longledger $(O)/posix $(O)/fsx $(O)/disks
	$(give_back)
	@O=$(O) tests/run.sh $(UNIT_TESTS) $(TEST_SCRIPTS) $(SHARED_SCRIPTS) -- $(CHECK_SCRIPTS)

# make sim SEEDS=100000 FROM=1: the cluster simulator (tests/sim).
SEEDS ?= 2000
FROM ?= 1
sim: $(O)/sim
	$(O)/sim --seeds $(SEEDS) --from $(FROM)

# make model VIEWS=3: less than the four that `make check` explores.
VIEWS ?= 4
model: $(O)/model
	$(O)/model --views $(VIEWS)

# make mutations SEEDS=20000: at most so many seeds for each.
mutations: $(MUTANTS)
	O=$(O) MUTATION_SEEDS=$(SEEDS) tests/sim/test_mutations.sh

# make kills KILLS=1000: peers killed with -9 under load, more often than `make check` does. Root.
KILLS ?= 200
kills: all
	O=$(O) KILLS=$(KILLS) TEST_TIMEOUT=$$((120 + 15 * $(KILLS))) TEST_VERBOSE=1 tests/run.sh tests/net/test_kill_rounds.sh

# make power CUTS=100 SEED=7: the disks of all peers, or of one, lose power under load. Root.
CUTS ?= 100
power: all $(O)/disks
	O=$(O) CUTS=$(CUTS) SEED=$(SEED) TEST_TIMEOUT=$$((120 + 60 * $(CUTS))) TEST_VERBOSE=1 tests/run.sh tests/net/test_power.sh

# make behind BLOCKS=100000: a peer so many blocks behind catches up while saves go on; how long, how much memory,
# and what the saves took meanwhile. Root.
BLOCKS ?= 100000
behind: all $(O)/longledger
	O=$(O) BLOCKS=$(BLOCKS) TEST_TIMEOUT=$$((600 + $(BLOCKS) / 10)) TEST_VERBOSE=1 \
		tests/run.sh tests/net/test_catchup.sh

# make snapshot BLOCKS=100000: a real peer with an empty disk takes the state of a ledger so long, votes, and brings in
# the blocks meanwhile; so does a mount. Root.
snapshot: all $(O)/longledger $(O)/liar
	O=$(O) BLOCKS=$(BLOCKS) TEST_TIMEOUT=$$((600 + $(BLOCKS) / 10)) TEST_VERBOSE=1 \
		tests/run.sh tests/net/test_snapshot.sh tests/net/test_mount_snapshot.sh

# make fsx SEED=7 OPS=20000: one file of a mount, at random, with maps and remounts, every byte checked. Root.
SEED ?= 1
OPS ?= 10000
fsx: all $(O)/fsx
	O=$(O) SEED=$(SEED) OPS=$(OPS) TEST_TIMEOUT=$$((300 + $(OPS) / 10)) TEST_VERBOSE=1 tests/run.sh tests/mount/test_fsx.sh

# make sqlite SQLITE=10000: transactions of a database on a mount, then its integrity check. Root.
SQLITE ?= 10000
sqlite: all
	O=$(O) SQLITE=$(SQLITE) TEST_TIMEOUT=$$((300 + $(SQLITE))) TEST_VERBOSE=1 tests/run.sh tests/mount/test_saves.sh

# make big GIB=4: an attachment through a mount that may use 256 MiB. Needs seven times its size on the disk. Root.
GIB ?= 4
big: all
	O=$(O) MIB=$$(($(GIB) * 1024)) LIMIT=256 TEST_TIMEOUT=$$((600 + 900 * $(GIB))) TEST_VERBOSE=1 tests/run.sh tests/mount/test_big.sh

# make die SAVES=1000: a mount killed with -9 in the middle of saves until so many were begun: all well, peers
# restarting, network gone, disk full. Root.
SAVES ?= 1000
die: all
	O=$(O) SAVES=$(SAVES) TEST_TIMEOUT=$$((180 + $(SAVES))) TEST_VERBOSE=1 tests/run.sh tests/mount/test_die.sh

# make scale ENTRIES=1000000: a directory of so many records, and the past on chains of BLOCKS blocks. Root.
ENTRIES ?= 1000000
CHAINS ?= 100 10000 100000
scale: all $(O)/longledger
	O=$(O) ENTRIES=$(ENTRIES) BLOCKS="$(CHAINS)" TEST_TIMEOUT=7200 TEST_VERBOSE=1 tests/run.sh tests/mount/test_scale.sh

# make office: large programs at work on a mount, LibreOffice and Orthanc, which it installs. Root.
office: all
	contrib/install-deps.sh office
	O=$(O) TEST_VERBOSE=1 tests/run.sh $(wildcard tests/office/*.sh)

# make nemesis MINUTES=10 SEED=1: seven peers under a random mix of faults, two at a time. Root.
MINUTES ?= 10
nemesis: all
	O=$(O) MINUTES=$(MINUTES) SEED=$(SEED) TEST_TIMEOUT=$$((300 + 60 * $(MINUTES))) TEST_VERBOSE=1 \
		tests/run.sh tests/net/test_nemesis.sh

# make fuzz TARGET=wire: what it finds new stays in $(O)/fuzz/found-wire, a crash is written to the directory.
SECONDS ?= 120
fuzz:
	$(if $(wildcard tests/fuzz/fuzz_$(TARGET).c),,$(error TARGET is one of $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))))
	$(MAKE) MODE=fuzz CC=clang O=$(O)/fuzz LDFLAGS=-Wl,--no-gc-sections $(O)/fuzz/hunt-$(TARGET)
	@mkdir -p $(O)/fuzz/found-$(TARGET)
	$(O)/fuzz/hunt-$(TARGET) -max_total_time=$(SECONDS) -max_len=16384 -artifact_prefix=$(O)/fuzz/ \
		$(O)/fuzz/found-$(TARGET) $(wildcard tests/fuzz/corpus/$(TARGET))

# Saves and reads beside the plain directory, in one run. Root. make bench ROUNDS=5
bench: all $(O)/records
	BIN=$(O) tests/bench/bench.sh
	BIN=$(O) tests/bench/lease.sh

# What sudo built is the caller's, so that their own make goes on from there.
give_back = @[ "$$(id -u)" != 0 ] || [ -z "$$SUDO_UID" ] || chown -R "$$SUDO_UID:$$SUDO_GID" $(O)

# The path of one save below the mount, in one process: ordering alone, and the whole client_commit.
path: $(O)/path-commit $(O)/path-save
	$(O)/path-commit
	$(O)/path-save

DEMO ?= demo
demo:
	contrib/install-deps.sh demo
	$(MAKE) all
	$(give_back)
	CHARTFS_BIN=$(abspath $(O)) contrib/demo start $(DEMO)

demo-stop:
	CHARTFS_BIN=$(abspath $(O)) contrib/demo stop $(DEMO)

lint: $(patsubst %,$(O)/alone/%.o,$(HDRS) $(TEST_HDRS))
	contrib/check-floors.sh
	contrib/check-size.sh
	@echo "  clang-format" && clang-format --dry-run -Werror $(FORMATTED)

format:
	clang-format -i $(FORMATTED)

deps:
	contrib/install-deps.sh

check-deps:
	contrib/install-deps.sh check

clean:
	rm -rf $(O)

# --- rules ------------------------------------------------------------------------------------------

# Files that change only when their text does: flags rebuild objects, a source removed rebuilds archives.
$(O)/flags: text = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)
$(O)/sources: text = $(SRCS) $(TEST_LIB_SRCS)
$(O)/flags $(O)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(text)' | cmp -s - $@ || echo '$(text)' >$@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Each header compiles alone, and twice. A static pattern: a phony target would match no pattern rule.
$(patsubst %,$(O)/alone/%.o,$(HDRS) $(TEST_HDRS)): $(O)/alone/%.o: % $(O)/flags
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $< $< | $(CC) $(ALL_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -x c -c -o $@ -

$(ARCHIVES): $(O)/lib%.a: $(O)/sources
	@rm -f $@ && ar rcs $@ $(filter %.o,$^)
$(foreach f,$(FLOORS),$(eval $(O)/lib$(f).a: $(call objects,$(filter $(f)/%,$(SRCS)))))

$(O)/libtest.a: $(call objects,$(TEST_LIB_SRCS)) $(O)/sources
	@rm -f $@ && ar rcs $@ $(filter %.o,$^)

link = $(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^)
LIBS_NET = $(LIB_NNG) $(LIB_INIH) $(LIB_LMDB) $(LIB_CRYPTO)
LIBS_ALL = $(LIB_FUSE) $(LIB_JANSSON) $(LIBS_NET)

# The floors each program may use, and the libraries: the daemon has no FUSE, the verifier only libcrypto.
$(O)/chartfs: $(O)/fs/chartfs.o $(ARCHIVES)
	$(link) $(call archives,fs net acl ledger) $(LIBS_ALL)
$(O)/chartfsd: $(O)/net/chartfsd.o $(filter-out %libfs.a,$(ARCHIVES))
	$(link) $(call archives,net acl ledger) $(LIBS_NET)
$(O)/chartfs-ca: $(O)/net/chartfs-ca.o $(filter-out %libfs.a,$(ARCHIVES))
	$(link) $(call archives,net acl ledger) $(LIBS_NET)
$(O)/chartfs-verify: $(O)/acl/chartfs-verify.o $(O)/libacl.a $(O)/libledger.a
	$(link) $(call archives,acl ledger) $(LIB_CRYPTO)

$(UNIT_TESTS): %: %.o $(O)/libtest.a $(ARCHIVES)
	$(link) $(O)/libtest.a $(call archives,$(FLOORS)) $(LIBS_ALL)

# The simulator links the pure core and nothing that could reach a clock, file or socket.
SIM_LEDGER = err mem buf codec crypto crypto_key certificate
SIM_OBJS = $(call objects,$(wildcard tests/sim/*.c net/pbft*.c) $(SIM_LEDGER:%=ledger/%.c))
$(O)/sim: $(SIM_OBJS)
	$(link) $(LIB_CRYPTO)

# The simulator once for each BUG_..., a mistake that only this define compiles in.
$(MUTANTS): $(O)/sim-%: $(MUTABLE) $(O)/sim
	$(Q)$(CC) $(ALL_CFLAGS) -w -D$* -o $@ $(shell grep -lw $* $(MUTABLE)) \
		$(filter-out $(call objects,$(shell grep -lw $* $(MUTABLE))),$(SIM_OBJS)) $(LIB_CRYPTO)

$(O)/model: $(O)/tests/model/model.o
	$(link)

# A fuzz target over files: its corpus as a plain test (tests/fuzz/run_corpus.c).
$(FUZZERS): $(O)/%: $(O)/tests/fuzz/%.o $(O)/tests/fuzz/run_corpus.o $(ARCHIVES)
	$(link) $(call archives,$(FLOORS)) $(LIBS_ALL)

# Makes tests/fuzz/corpus anew.
$(O)/seeds: $(O)/tests/fuzz/seeds.o $(O)/libtest.a $(ARCHIVES)
	$(link) $(O)/libtest.a $(call archives,$(FLOORS)) $(LIBS_ALL)

# The same, linked with libFuzzer (make fuzz).
$(O)/hunt-%: $(O)/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(link) -fsanitize=fuzzer $(call archives,$(FLOORS)) $(LIBS_ALL)

# A chartfsd that lies (tests/liar): calls of these go through it.
LIES = mesh_new mesh_vote mesh_answer certificate_encode rwset_encode state_stage_root contribution_deal
$(O)/liar: $(O)/net/chartfsd.o $(O)/tests/liar/liar.o $(filter-out %libfs.a,$(ARCHIVES))
	$(link) $(LIES:%=-Wl,--wrap=%) $(call archives,net acl ledger) $(LIBS_NET)

# A client that asks nobody what it may (tests/net/bare.c), its own contract included.
$(O)/bare: $(O)/tests/net/bare.o $(O)/tests/net/bare_ops.o $(ARCHIVES)
	$(link) -Wl,--wrap=policy_check $(call archives,fs net acl ledger) $(LIBS_ALL)

# A chartfs that skips its own checks (tests/rogue).
SKIPS = policy_check trace_ask_new wrap_seal
$(O)/rogue: $(O)/fs/chartfs.o $(O)/tests/rogue/rogue.o $(ARCHIVES)
	$(link) $(SKIPS:%=-Wl,--wrap=%) $(call archives,$(FLOORS)) $(LIBS_ALL)

$(O)/records: $(O)/tests/bench/records.o
	$(link)

# What tests/mount/*.sh do to a mounted file system; they know nothing of this one.
$(O)/posix $(O)/fsx: $(O)/%: $(O)/tests/mount/%.o
	$(link)

# Disks that lose power (tests/net/test_power.sh).
$(O)/disks: $(O)/tests/power/disks.o
	$(link) $(LIB_FUSE)

# Makes a devnet's ledger long (tests/net/test_catchup.sh).
$(O)/longledger: $(O)/tests/bench/longledger.o $(O)/libtest.a $(ARCHIVES)
	$(link) $(O)/libtest.a $(call archives,$(FLOORS)) $(LIBS_ALL)

# One save's path below the mount, four peers in one process: make path
$(O)/path-%: $(O)/tests/bench/%.o $(O)/libtest.a $(ARCHIVES)
	$(link) $(O)/libtest.a $(call archives,$(FLOORS)) $(LIBS_ALL)

-include $(wildcard $(O)/*/*.d $(O)/tests/*/*.d $(O)/alone/*/*.d $(O)/alone/tests/*/*.d)
