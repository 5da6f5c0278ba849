# The backend's tests bring a core of their own: its functions stand before those of core/ at the link.
$(BUILD)/test/linux_backend_test $(BUILD)/test/linux_release_test $(BUILD)/test/linux_fuse_test $(BUILD)/test/linux_memory_test \
$(BUILD)/test/linux_overflow_test $(BUILD)/test/linux_mount_names_test $(BUILD)/test/linux_mount_events_test: CFLAGS_TEST += -Wl,--allow-multiple-definition
