/* Directory: allocates the shared memory of this folder before the master forks. */
#include "directory/directory.h"

#include "directory/circuit.h"
#include "directory/entry_lock.h"
#include "directory/lockout.h"

void directory_share(void)
{
    circuit_share();
    lockout_share();
    entry_lock_share();
}

void directory_prepare_circuit(const struct config *config)
{
    struct directory *directory = directory_new(config);
    directory_free(&directory);
}
