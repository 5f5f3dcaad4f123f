"""What the API and the fault tests share: clients, the truth behind the API, load, log readers."""
