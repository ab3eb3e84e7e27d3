"""Exported files where no framework is installed: numpy and the runtime of the file's format are enough."""
