"""The processes: the parent and its children, the assembly of a worker, and the background loops that keep it fresh."""
