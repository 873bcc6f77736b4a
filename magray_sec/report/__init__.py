"""Report formats, one file each: `render(report, sink)`; none of them filters."""
