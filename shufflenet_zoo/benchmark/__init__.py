"""Speed of every engine against named peers, measured in the same process, repetition by repetition."""
