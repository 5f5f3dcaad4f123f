/* Random: unguessable identifiers from the kernel. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

enum { RANDOM_ID_SIZE = 33 };

/* 128 bits of getrandom(2) as 32 hexadecimal digits and a NUL. Ends the process if the kernel has
 * none to give. Returns `id`. */
char *random_id(char id[RANDOM_ID_SIZE]);

#endif
