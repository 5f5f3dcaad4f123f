"""Code that the API and the fault tests share: clients, direct access to the directory, the
database and the storage, load generators, and log readers."""
