"""Starts a complete Kontora on a state folder: the development Active Directory, the service, and
nginx in front of it. `make run` and the tests use it.

    from stack import Stack

    with Stack(tmp_path) as stack:
        requests.get(stack.https_url + "/health", verify=stack.ca_file)

All parts listen on free loopback addresses only, so that several stacks can run at the same time.
No part outlives the process that started it, even if that is killed (guard.py).
"""

from stack.directory import Directory, running_directory
from stack.errors import StackError
from stack.nginx import Ports
from stack.postgres import Postgres, running_postgres
from stack.stack import TOP, Stack
from stack.storage import Storage, running_storage
from stack.tls import Authority

__all__ = ["TOP", "Authority", "Directory", "Ports", "Postgres", "Stack", "StackError",
           "Storage", "running_directory", "running_postgres", "running_storage"]
