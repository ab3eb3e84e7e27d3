"""The checks; each compares one thing that both frameworks do, and returns an Outcome."""
