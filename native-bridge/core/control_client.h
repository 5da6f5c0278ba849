// The other end of session_control.c, for an administrator of a machine in trouble: needs no Node, waits for nothing
// without a bound, and says what is left to do where the bridge does not answer.
// Threading: a process of its own, with one thread.
#ifndef PICKET_CONTROL_CLIENT_H
#define PICKET_CONTROL_CLIENT_H

// enum control_command, or 0 where the word is none.
int control_command_of(const char *word);
// One command to the bridge at that socket, its answer on stdout, what goes wrong on stderr. `reason` may be NULL. Gives
// the exit code: 0, or 1 where the bridge does not answer or refuses.
int control_client_run(const char *socket_path, const char *word, const char *reason);

#endif
