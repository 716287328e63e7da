# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# make                    build/wasm-dwarf-xform, build/libwdx.{a,so,pc}
# make check              unit tests, cases, differential loops (TAP); T="a.sh b" runs only those
# make check-debuggers    the tests that need gdb and lldb
# make check-all          both
# make check-differential SEEDS=1..60 N=1000    debuggers beside a host build, those seeds
# make fuzz-stepper TIME=600                    fresh programs in the stepper, seconds
# make nightly HOURS=8                          both, fresh seeds; goes on with its log
# make availability       what of variables is shown: map, side-car, engine's own DWARF (MODULES=)
# make demo, make bench   what tests/demo.sh and tests/bench.sh say of themselves
# make install            DESTDIR=, prefix=; uninstall takes the same
# make dist               build/wasm-dwarf-xform-VERSION.tar.gz of the last commit
# make format, make lint  clang-format; clang-format --dry-run, mandoc -Tlint, include rules
# make clean, distclean   distclean also forgets what configure found and tests downloaded
#
# Knobs: DEVELOPER=1 (more warnings, all of them errors; a quicker build of a slower command),
# SANITIZE=address,undefined (a build beside the plain one), CC, CXX, CFLAGS, CXXFLAGS, LDFLAGS,
# V=1 (show commands), JOBS=N (tests).
# Without a config.mk the first make runs autoconf and configure in build/.

all:
.PHONY: all check check-all check-unit check-debuggers check-differential fuzz-stepper nightly \
	availability differential demo bench install uninstall dist format lint clean \
	distclean FORCE
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# --- configuration ------------------------------------------------------------------------------

CONFIG := $(firstword $(wildcard config.mk) build/config.mk)
CLANG_FORMAT ?= $(firstword $(shell command -v clang-format-19 clang-format) clang-format)
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

ifneq ($(filter-out clean distclean format lint,$(or $(MAKECMDGOALS),all)),)
include $(CONFIG)
endif

# A tarball brings `configure` along; a checkout makes it.
build/configure: configure.ac
	@mkdir -p $(@D)
	@if test -f configure && ! test configure -ot configure.ac; then \
		cp configure $@; \
	elif command -v autoconf >/dev/null; then \
		cd $(@D) && autoconf -o $(@F) ../configure.ac; \
	else \
		echo 'make: autoconf is missing (Debian: autoconf)' >&2; exit 1; \
	fi

build/config.mk: build/configure .config.mk.in
	@echo '    configure'
	@cd $(@D) && { ./configure --quiet --srcdir=.. && touch $(@F); }

# One made by hand at the top: the same options again when configure.ac has changed.
config.mk: configure.ac .config.mk.in
	autoconf && ./config.status --recheck && ./config.status

# --- what is built from what --------------------------------------------------------------------

comma := ,
B := build$(if $(SANITIZE),/san-$(subst $(comma),-,$(SANITIZE)))
SOVERSION := $(firstword $(subst ., ,$(VERSION)))
SONAME := libwdx.so.$(SOVERSION)

LIB_SRC := $(sort $(wildcard lib/*.c lib/*/*.c))
LIB_CXX := $(sort $(wildcard lib/native/*.cpp))
CMD_SRC := $(sort $(wildcard cmd/*.c))
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
HEADERS := $(sort $(wildcard lib/wdx*.h))
PYTHON := $(sort $(wildcard lib/python/*.py))
MANUALS := $(sort $(wildcard man/*.[135]))

LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(LIB_CXX:%.cpp=$(B)/%.o)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
PROGRAM := $(B)/wasm-dwarf-xform

all: $(PROGRAM) $(B)/libwdx.a $(B)/libwdx.so $(B)/libwdx.pc

# --- flags --------------------------------------------------------------------------------------

WARN := -Wall -Wextra
WARN_C :=
ifneq ($(DEVELOPER),)
WARN += -Werror -Wpointer-arith -Wvla
WARN_C += -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
endif
ifneq ($(SANITIZE),)
SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# One set of objects serves the archive, the shared library and the program.
COMMON := -Ilib -I$(B) -D_GNU_SOURCE -DWDX_VERSION='"$(VERSION)"' -fPIC -pthread -fvisibility=hidden \
	-ffunction-sections -fdata-sections $(WARN) $(SAN)
ALL_CFLAGS = -std=gnu11 $(COMMON) $(WARN_C) $(DEP_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_CXXFLAGS = $(COMMON) $(LLVM_CXXFLAGS) $(LLVM_TARGETS:%=-DWDX_LLVM_%) \
	-fvisibility-inlines-hidden -fno-rtti $(CPPFLAGS) $(CXXFLAGS)
# C++ does the linking, for LLVM's sake.
ALL_LDFLAGS = -pthread $(SAN) $(if $(SAN),,-static-libstdc++ -static-libgcc) \
	-Wl,--gc-sections -Wl,--as-needed $(LDFLAGS)
# LLVM's tables are full of pointers: relocating them takes a program 3 of the 4 ms it needs to
# start, and a fifth of its size.
FIXED = $(if $(SAN),,-no-pie)
LIBS = $(LLVM_LIBS) $(DEP_LIBS)
# The command is compiled by itself and optimised as a whole, for the addresses it is linked at: a
# tenth fewer instructions, for ten seconds more.  Who develops does without; the libraries others link, with compilers of theirs.
ifeq ($(DEVELOPER)$(SANITIZE),)
WHOLE := $(if $(LTO),-flto=auto -fno-pic $(if $(filter -O2,$(CFLAGS)),-O3))
endif

ifneq ($(V),1)
Q := @
say = @echo '    $(1) $@';
endif

# Changes when the flags do, so that everything is compiled anew.
FLAGS = $(CC) $(CXX) $(ALL_CFLAGS) $(WHOLE) $(ALL_CXXFLAGS) $(FIXED) $(ALL_LDFLAGS) $(LIBS)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
FORCE:

PROGRAM_OBJ := $(patsubst %.c,$(B)/$(if $(WHOLE),whole/)%.o,$(CMD_SRC) $(LIB_SRC)) \
	$(LIB_CXX:%.cpp=$(B)/%.o)

# --- rules --------------------------------------------------------------------------------------

# Debuggers load their Python from here; gdb trusts this folder below its own prefix.
PYTHON_DIR = $(datarootdir)/gdb/auto-load/wasm-dwarf-xform
$(B)/pythondir.h: FORCE
	@mkdir -p $(@D)
	@echo '#define PYTHON_DIR "$(PYTHON_DIR)"' >$@.new; \
	if cmp -s $@.new $@; then rm -f $@.new; else mv $@.new $@; fi
$(PROGRAM_OBJ): | $(B)/pythondir.h

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC )$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/whole/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC )$(CC) $(ALL_CFLAGS) $(WHOLE) -MMD -MP -c -o $@ $<

$(B)/%.o: %.cpp $(B)/flags
	@mkdir -p $(@D)
	$(call say,CXX)$(CXX) $(ALL_CXXFLAGS) -MMD -MP -c -o $@ $<

$(B)/libwdx.a: $(LIB_OBJ)
	$(Q)rm -f $@
	$(call say,AR )$(AR) rcs $@ $^

# Hidden visibility keeps our own symbols in; the script does the same to those of the C++ library.
$(B)/libwdx.map: $(B)/flags
	@printf '%s\n' 'WDX_$(SOVERSION) { global: wdx_*; local: *; };' >$@

$(B)/$(SONAME): $(LIB_OBJ) $(B)/libwdx.map
	$(call say,LD )$(CXX) -shared -Wl,-soname,$(SONAME) -Wl,--version-script,$(B)/libwdx.map \
		-o $@ $(LIB_OBJ) $(ALL_LDFLAGS) $(LIBS)

$(B)/libwdx.so: $(B)/$(SONAME)
	$(Q)ln -sf $(SONAME) $@

$(PROGRAM): $(PROGRAM_OBJ)
	$(call say,LD )$(CXX) $(FIXED) $(WHOLE) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libwdx.a
	$(call say,LD )$(CXX) $(FIXED) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

$(B)/libwdx.pc: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(prefix)' 'exec_prefix=$(exec_prefix)' 'libdir=$(libdir)' \
		'includedir=$(includedir)' '' 'Name: libwdx' \
		'Description: DWARF of WebAssembly modules translated to that of their machine code' \
		'Version: $(VERSION)' 'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -lwdx' \
		'Libs.private: $(strip $(LIBS)) -lstdc++ -pthread' >$@

-include $(LIB_OBJ:.o=.d) $(PROGRAM_OBJ:.o=.d) $(UNIT:%=%.d)

# --- tests --------------------------------------------------------------------------------------

TEST_ENV = BUILD='$(abspath $(B))' DIFFERENTIAL='$(abspath $(B))/differential' SRC='$(CURDIR)' WDX='$(abspath $(PROGRAM))' CC='$(CC)' \
	VERSION='$(VERSION)' SANITIZE='$(SANITIZE)'
HARNESS = $(TEST_ENV) perl tests/harness.pl --jobs $(JOBS)
pick = $(if $(T),$(foreach t,$(1),$(if $(filter $(T),$(notdir $(t))),$(t))),$(1))

CASES := $(sort $(wildcard tests/cases/*.sh)) tests/lint/layers.sh
LOOPS := $(sort $(wildcard tests/differential/*.sh))
SESSIONS := $(sort $(wildcard tests/debugger/*.sh)) tests/aarch64.sh

# The programs of the differential loops are their own makefile's business.
differential: $(B)/libwdx.a
	@$(MAKE) --no-print-directory -s -f tests/differential/Makefile OUT=$(B)/differential \
		LIBWDX=$(B)/libwdx.a SANITIZE=$(SANITIZE)

check: all differential $(UNIT)
	@$(HARNESS) $(call pick,$(UNIT) $(CASES) $(LOOPS))

check-unit: $(UNIT)
	@$(HARNESS) $(call pick,$(UNIT))

check-debuggers: all
	@$(HARNESS) $(call pick,$(SESSIONS))

check-all: all differential $(UNIT)
	@$(HARNESS) $(call pick,$(UNIT) $(CASES) $(SESSIONS) $(LOOPS))

SEEDS ?= 1..20
N ?= 1000
TIME ?= 600
HOURS ?= 8
check-differential: all differential
	@$(TEST_ENV) tests/differential/debuggers $(SEEDS) --steps $(N)

fuzz-stepper: all differential
	@$(TEST_ENV) tests/differential/fuzz --time $(TIME)

nightly: all differential
	@$(TEST_ENV) tests/differential/nightly $(HOURS)

availability: all differential
	@$(TEST_ENV) tests/differential/availability $(MODULES)

demo bench: all
	@$(TEST_ENV) bash tests/$@.sh

format:
	$(CLANG_FORMAT) -i $$(find lib cmd tests -name '*.[ch]' -o -name '*.cpp' | grep -v /data/)

lint:
	$(CLANG_FORMAT) --dry-run -Werror \
		$$(find lib cmd tests -name '*.[ch]' -o -name '*.cpp' | grep -v /data/)
	$(if $(MANUALS),mandoc -Tlint -Wwarning $(MANUALS))
	sh tests/lint/layers.sh

# --- installation -------------------------------------------------------------------------------

LIBFILE = libwdx.so.$(VERSION)
man_of = $(filter %.$(1),$(MANUALS))

install: all
	$(INSTALL) -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(libdir)' '$(DESTDIR)$(includedir)' \
		'$(DESTDIR)$(pkgconfigdir)'
	$(INSTALL) -m 755 $(PROGRAM) '$(DESTDIR)$(bindir)'
	$(INSTALL) -d '$(DESTDIR)$(PYTHON_DIR)'
	$(INSTALL) -m 644 $(PYTHON) '$(DESTDIR)$(PYTHON_DIR)'
	$(INSTALL) -m 644 $(HEADERS) '$(DESTDIR)$(includedir)'
	$(INSTALL) -m 644 $(B)/libwdx.a '$(DESTDIR)$(libdir)'
	$(INSTALL) -m 755 $(B)/$(SONAME) '$(DESTDIR)$(libdir)/$(LIBFILE)'
	ln -sf $(LIBFILE) '$(DESTDIR)$(libdir)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(libdir)/libwdx.so'
	$(INSTALL) -m 644 $(B)/libwdx.pc '$(DESTDIR)$(pkgconfigdir)'
	$(foreach s,1 3 5,$(if $(call man_of,$(s)),$(INSTALL) -d '$(DESTDIR)$(mandir)/man$(s)' && \
		$(INSTALL) -m 644 $(call man_of,$(s)) '$(DESTDIR)$(mandir)/man$(s)' &&)) :
	$(INSTALL) -d '$(DESTDIR)$(datarootdir)/wasm-dwarf-xform'
	$(INSTALL) -m 644 man/wasm-jit-map.schema.json '$(DESTDIR)$(datarootdir)/wasm-dwarf-xform'

uninstall:
	rm -f '$(DESTDIR)$(bindir)/wasm-dwarf-xform' \
		$(foreach p,$(PYTHON),'$(DESTDIR)$(PYTHON_DIR)/$(notdir $(p))') \
		$(foreach h,$(HEADERS),'$(DESTDIR)$(includedir)/$(notdir $(h))') \
		$(foreach f,libwdx.a libwdx.so $(SONAME) $(LIBFILE),'$(DESTDIR)$(libdir)/$(f)') \
		'$(DESTDIR)$(pkgconfigdir)/libwdx.pc' \
		'$(DESTDIR)$(datarootdir)/wasm-dwarf-xform/wasm-jit-map.schema.json' \
		$(foreach m,$(MANUALS),'$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))')

DIST = wasm-dwarf-xform-$(VERSION)
dist: build/configure
	git archive --format=tar.gz --prefix=$(DIST)/ --add-file=build/configure \
		-o build/$(DIST).tar.gz HEAD
	@echo build/$(DIST).tar.gz

clean:
	rm -rf $(addprefix build/,lib cmd whole tests flags pythondir.h san-* wasm-dwarf-xform libwdx.* *.tar.gz)

distclean:
	rm -rf build autom4te.cache configure config.mk config.log config.status
