# Builds the fuzzers by the rules of the Makefile. Each is linked with all of app/ except main.c.
# FUZZ_MAIN provides main(): replay.c, or libFuzzer's own with clang. See run.sh.
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
