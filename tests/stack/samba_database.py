"""Opens Samba's database without LDAP. For programs of their own only, because it loads Samba's
libraries into their process."""

from typing import Any

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

# Without batch_mode each operation copies the changed indexes, which takes a minute for many
# objects. With it a failed operation aborts the whole transaction.
BULK_IMPORT = ("batch_mode:1", "transaction_index_cache_size:200000")


def open_database(parameters: dict[str, Any], options: tuple[str, ...] = ()) -> SamDB:
    """Opens the database that the parameters "smb_conf" and "sam_ldb" name."""
    settings = LoadParm()
    settings.load(parameters["smb_conf"])
    return SamDB(url=parameters["sam_ldb"], session_info=system_session(), lp=settings,
                 options=list(options))
