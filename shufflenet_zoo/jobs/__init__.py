"""What a command line asks of a backend, and what both do alike: config, checks, work directory, predictions."""
