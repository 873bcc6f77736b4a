"""The values that the steps pass on; the standard library alone."""
