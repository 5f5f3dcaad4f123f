/* Size: multiples of bytes. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

enum { KIB = 1024, MIB = 1024 * KIB };

#endif
