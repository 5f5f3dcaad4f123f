# Builds, runs and tests Kontora. `make help` lists the targets.
#
# Build products are in build/, run-time state is in var/. SANITIZE=address,undefined builds with
# sanitizers, into build/sanitize/.

ifeq ($(origin CC),default)
CC        = gcc
endif
PYTHON    = /usr/bin/python3
SANITIZE ?=

BUILD    := build$(if $(SANITIZE),/sanitize)
PROGRAM  := $(BUILD)/kontora

STANDARD := -std=gnu17 -D_GNU_SOURCE -Iapp -I$(BUILD)/generated
WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wformat=2 -Wno-missing-field-initializers
HARDENED := -fPIE -fvisibility=hidden -fstack-protector-strong -fno-common
ifeq ($(SANITIZE),)
OPTIMIZE := -O2 -g -D_FORTIFY_SOURCE=2
LINKING  := -pie -Wl,-z,relro,-z,now,--as-needed
else
OPTIMIZE := -O1 -g -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LINKING  := -pie -fsanitize=$(SANITIZE) -Wl,--as-needed
endif
CFLAGS   := $(STANDARD) $(WARNINGS) $(HARDENED) $(OPTIMIZE)
LIBS     := -lfcgi -lldap -llber -ljson-c -ljwt -lmagic -lcrypto -lcrypt -lcrack \
            $(shell pkg-config --libs sqlite3 libpq libcurl expat zlib icu-i18n 2>/dev/null)
CFLAGS   += $(shell pkg-config --cflags libpq 2>/dev/null)

# Generated from sql/: store/sql.h with the names of the statements, store/sql.c with their texts.
SQL      := $(sort $(wildcard sql/*.sql)) $(sort $(wildcard sql/migrations/*.sql))
MADE     := $(BUILD)/generated/store

SOURCES  := $(sort $(wildcard app/*.c app/*/*.c))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o) $(MADE)/sql.o

# Unit programs: one for each file, linked with all objects of app/ except main.
UNIT_SOURCES  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_PROGRAMS := $(UNIT_SOURCES:%.c=$(BUILD)/%)

# Programs of `make bench`: a reference in C, a program that computes the sort keys of rows, and a
# reference with npm packages.
RAW_SEARCH    := $(BUILD)/tests/bench/raw_search
SORT_KEYS     := $(BUILD)/tests/bench/sort_keys
FASTIFY       := build/tests/bench/fastify/node_modules/.package-lock.json

# Pages of the documentation: our own files, and Swagger UI and ReDoc from npm.
PAGES         := build/static
OWN_PAGES     := $(sort $(wildcard $(addprefix nginx/static/*.,html js css svg)))
PACKAGES      := build/npm/node_modules/.package-lock.json
BUNDLES       := $(addprefix build/npm/node_modules/,swagger-ui-dist/swagger-ui.css \
                 swagger-ui-dist/swagger-ui-bundle.js redoc/bundles/redoc.standalone.js)

# The npm packages that the tests use.
TEST_PACKAGES := build/tests/npm/node_modules/.package-lock.json

.PHONY: FORCE all generated static test-packages run test test-debian13 unit lint format bench \
        fuzz clean help
all: $(PROGRAM)
generated: $(MADE)/sql.h

# --- build ----------------------------------------------------------------------------------------

# $(BUILD)/link changes with the list of objects, so that the program is linked again after a source
# file was removed.
$(PROGRAM): $(OBJECTS) $(BUILD)/link
	@echo '  LD  $@'
	@$(CC) $(LINKING) -o $@ $(filter %.o,$^) $(LIBS)

# Objects depend on $(BUILD)/flags, which changes only when the compiler flags do.
$(BUILD)/%.o: %.c $(BUILD)/flags | $(MADE)/sql.h
	@mkdir -p $(@D)
	@echo '  CC  $<'
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(MADE)/sql.o: $(MADE)/sql.c $(BUILD)/flags | $(MADE)/sql.h
	@echo '  CC  $<'
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# Replaces the header only if the names have changed, so that a changed statement recompiles one
# file.
$(MADE)/sql.c: sql/compile.awk $(SQL) $(BUILD)/sql
	@mkdir -p $(@D)
	@echo '  SQL $@'
	@awk -v header=$(MADE)/sql.h.new -v source=$@.new -f sql/compile.awk $(SQL)
	@if cmp -s $(MADE)/sql.h.new $(MADE)/sql.h; then rm $(MADE)/sql.h.new; \
	    else mv $(MADE)/sql.h.new $(MADE)/sql.h; fi
	@mv $@.new $@
$(MADE)/sql.h: $(MADE)/sql.c ;

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o \
                            $(filter-out $(BUILD)/app/main.o,$(OBJECTS))
	@echo '  LD  $@'
	@$(CC) $(LINKING) -o $@ $^ -lcmocka $(LIBS)

$(RAW_SEARCH): $(RAW_SEARCH).o
	@echo '  LD  $@'
	@$(CC) $(LINKING) -o $@ $^ -lldap -llber

$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(filter-out $(BUILD)/app/main.o,$(OBJECTS))
	@echo '  LD  $@'
	@$(CC) $(LINKING) -o $@ $^ $(LIBS)

$(BUILD)/tests/support/%: $(BUILD)/tests/support/%.o $(filter-out $(BUILD)/app/main.o,$(OBJECTS))
	@echo '  LD  $@'
	@$(CC) $(LINKING) -o $@ $^ $(LIBS)

# Uses only npm's registry: native modules are compiled here with the headers of the installed node.
$(FASTIFY): tests/bench/fastify/package.json tests/bench/fastify/package-lock.json
	@echo '  NPM $(@D)'
	@mkdir -p build/tests/bench/fastify
	@cp $^ build/tests/bench/fastify
	@cd build/tests/bench/fastify && npm_config_build_from_source=true \
	    npm_config_nodedir="$$(dirname "$$(dirname "$$(readlink -f "$$(command -v node)")")")" \
	    npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@

# --ignore-scripts: no code of the packages runs. Their bundles contain their dependencies, so the
# lock file names only the packages themselves.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error

$(PACKAGES): nginx/static/package.json nginx/static/package-lock.json
	@echo '  NPM build/npm'
	@mkdir -p build/npm
	@cp $^ build/npm
	@cd build/npm && $(NPM_CI) >/dev/null
	@touch $@

$(TEST_PACKAGES): tests/npm/package.json tests/npm/package-lock.json
	@echo '  NPM build/tests/npm'
	@mkdir -p build/tests/npm
	@cp $^ build/tests/npm
	@cd build/tests/npm && $(NPM_CI) >/dev/null
	@touch $@

# Builds in a new folder and renames it when it is complete. Replaces the logo that ReDoc loads from
# its vendor's site by our own icon: the pages load nothing from other sites.
$(PAGES)/.made: $(OWN_PAGES) $(PACKAGES)
	@echo '  PAGES $(PAGES)'
	@rm -rf $(PAGES).new && mkdir -p $(PAGES).new
	@cp $(OWN_PAGES) $(BUNDLES) $(PAGES).new
	@sed -i 's,https://cdn.redoc.ly/redoc/logo-mini.svg,/static/icon.svg,' \
	    $(PAGES).new/redoc.standalone.js
	@! grep -q 'cdn\.redoc\.ly' $(PAGES).new/redoc.standalone.js
	@gzip -9 -n -k $(PAGES).new/*.js $(PAGES).new/*.css
	@touch $(PAGES).new/.made
	@rm -rf $(PAGES) && mv $(PAGES).new $(PAGES)

static: $(PAGES)/.made
test-packages: $(TEST_PACKAGES)

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CFLAGS)' > $@
$(BUILD)/link: FORCE
	@mkdir -p $(@D)
	@echo '$(LINKING) $(LIBS) $(OBJECTS)' | cmp -s - $@ || echo '$(LINKING) $(LIBS) $(OBJECTS)' > $@
$(BUILD)/sql: FORCE
	@mkdir -p $(@D)
	@echo '$(SQL)' | cmp -s - $@ || echo '$(SQL)' > $@
FORCE:

.SECONDARY:
-include $(OBJECTS:.o=.d) $(UNIT_PROGRAMS:=.d) $(RAW_SEARCH).d \
         $(wildcard $(BUILD)/tests/support/*.d $(BUILD)/tests/bench/*.d)

# --- run, test, format ----------------------------------------------------------------------------

run:
	@sh tests/packages.sh run
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s static || \
	    echo 'make static failed (it needs npm): /docs and /redoc are not available'
	@cd tests && exec $(PYTHON) -m stack run

test:
	@sh tests/packages.sh test
	@sh tests/run.sh

test-debian13:
	@sh tests/packages.sh debian13
	@sh tests/debian13.sh

unit: $(UNIT_PROGRAMS)
	@for program in $(UNIT_PROGRAMS); do $$program || exit 1; done

lint:
	@sh tests/packages.sh lint
	@sh tests/lint/lint.sh

format:
	@clang-format -i $(wildcard app/*.[ch] app/*/*.[ch] tests/*/*.[ch])

fuzz:
	@sh tests/packages.sh fuzz
	@sh tests/fuzz/run.sh $(SECONDS)

bench:
	@sh tests/packages.sh bench
	@$(MAKE) --no-print-directory -s -j2 all $(RAW_SEARCH) $(SORT_KEYS)
	@cd tests && exec $(PYTHON) -m bench $(ONLY)

clean:
	rm -rf build

help:
	@echo 'make          build the optimised program, build/kontora'
	@echo 'make static   build the pages of /docs and /redoc with packages from npm, in build/static'
	@echo 'make run      install what is missing, build, and run everything on this machine'
	@echo 'make test     install what is missing, build with sanitizers, and run every test'
	@echo 'make test-debian13  run the tests in a Debian 13 root file system, on any Debian'
	@echo 'make unit     build and run the unit programs only'
	@echo 'make lint     check warnings, clang-tidy, cppcheck, format, layers and top-level files'
	@echo 'make fuzz     fuzz every parser (SECONDS=60: each for a minute)'
	@echo 'make format   format the C files in place'
	@echo 'make bench    measure Kontora and the references in one run, and print the ratios'
	@echo '              (ONLY="users pages": only these measurements)'
	@echo 'make clean    remove build/ (and keep var/, the run-time state)'
	@echo 'SANITIZE=address,undefined  build with sanitizers, into build/sanitize/'
