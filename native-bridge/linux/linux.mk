# The backend's test brings a core of its own: its functions stand before those of core/ at the link.
$(BUILD)/test/linux_backend_test: CFLAGS_TEST += -Wl,--allow-multiple-definition
