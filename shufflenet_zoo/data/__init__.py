"""Data sets that make themselves, as numpy arrays and files; and images from files."""
