/* Number: the `base` argument of strtol() and similar functions. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

enum { DECIMAL = 10, HEXADECIMAL = 16 };

#endif
