"""Sagaline in one process: orders are placed, handled and folded into read tables by one program.

These files stand alone: they import the public names of `sagaline`, the shop, and of `benchmarks`
only `growth` and `latency`. So `make bench-compare` can lay them into the tree of a commit that has
none of its own. A change of what they measure, or of what they print, needs another `PROTOCOL`.
"""
