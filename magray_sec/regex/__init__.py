"""The native rule engine: packs of patterns, compiled once, scanned at disk speed, confirmed exactly."""
