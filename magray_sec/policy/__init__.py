"""Policy: what a finding or a gap means for the verdict, and why."""
