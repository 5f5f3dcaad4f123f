/* Notify: reports the state of the service to systemd (sd_notify(3)). */
#ifndef PROC_NOTIFY_H
#define PROC_NOTIFY_H

/* Sends a state, such as "READY=1". No-op if the service was not started by systemd. */
void notify_systemd(const char *state);

#endif
