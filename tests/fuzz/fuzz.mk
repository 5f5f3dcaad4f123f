# How fuzzers are built: as the Makefile builds everything else, each linked with all of app/ but
# main. FUZZ_MAIN is what calls them: replay.c, or with clang libFuzzer's own main. See run.sh.
include Makefile

FUZZ_MAIN     ?= $(BUILD)/tests/fuzz/replay.o
FUZZ_SOURCES  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(FUZZ_SOURCES:%.c=$(BUILD)/%)

.PHONY: fuzzers
fuzzers: $(FUZZ_PROGRAMS)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(filter %.o,$(FUZZ_MAIN)) \
                            $(filter-out $(BUILD)/app/main.o,$(OBJECTS))
	@$(CC) $(LINKING) $(filter-out %.o,$(FUZZ_MAIN)) -o $@ $^ $(LIBS)

-include $(FUZZ_PROGRAMS:=.d) $(BUILD)/tests/fuzz/replay.d
