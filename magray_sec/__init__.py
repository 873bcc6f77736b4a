"""magray-sec: every scanner that matters, one finding a problem, block, review or pass by a written policy."""

__version__ = "0.1.0"
