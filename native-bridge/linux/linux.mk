# The eBPF program is part of the bridge where clang can build it and libbpf can load it; elsewhere the proc connector does.
EBPF_CLANG ?= $(shell command -v clang)
EBPF_SOURCE := ebpf/process_events.bpf.c
EBPF_OBJECT := $(BUILD)/$(EBPF_SOURCE:.c=.o)
# 1.0: before, errors were told by other means.
HAS_LIBBPF := $(shell echo '_Static_assert(LIBBPF_MAJOR_VERSION >= 1, "");' | \
                $(CC) -fsyntax-only -include bpf/libbpf.h -x c - 2>/dev/null && echo yes)
ifneq ($(EBPF_CLANG),)
ifeq ($(HAS_LIBBPF),yes)
BACKEND_CPPFLAGS += -DPICKET_EBPF='"$(EBPF_OBJECT)"'
BACKEND_LIBS += -lbpf
$(BUILD)/linux/process_program.o $(BUILD)/sanitized/linux/process_program.o: $(EBPF_OBJECT)
endif
endif
$(EBPF_OBJECT): $(EBPF_SOURCE) linux/process_record.h
	@mkdir -p $(@D)
	$(EBPF_CLANG) -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -I. -I/usr/include/$(shell $(CC) -dumpmachine) -c -o $@ $<

# The backend's tests bring a core of their own, or another part: its functions stand before those of core/ at the link.
$(BUILD)/test/linux_backend_test $(BUILD)/test/linux_release_test $(BUILD)/test/linux_fuse_test $(BUILD)/test/linux_memory_test \
$(BUILD)/test/linux_overflow_test $(BUILD)/test/linux_mount_names_test $(BUILD)/test/linux_mount_events_test \
$(BUILD)/test/linux_no_program_test $(BUILD)/test/linux_cache_test: CFLAGS_TEST += -Wl,--allow-multiple-definition
