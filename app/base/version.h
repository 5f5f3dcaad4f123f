/* Version: the version number of Kontora. The build may override it. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#ifndef KONTORA_VERSION
#define KONTORA_VERSION "0.1.0"
#endif

#endif
