/* Notify: tells systemd how the service is doing (sd_notify(3)); nothing without systemd. */
#ifndef PROC_NOTIFY_H
#define PROC_NOTIFY_H

/* Sends one state, such as "READY=1". */
void notify_systemd(const char *state);

#endif
