/* Version: which Kontora this is. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#ifndef KONTORA_VERSION
#define KONTORA_VERSION "0.1.0"
#endif

#endif
