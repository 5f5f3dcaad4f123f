/* Number: bases of numbers written as text, for strtol() and its like. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

enum { DECIMAL = 10, HEXADECIMAL = 16 };

#endif
