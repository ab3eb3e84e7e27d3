"""What people look at, drawn from arrays: PNG files of one style, without a framework."""
