"""Everything that reads logged generations: traces, the virtual clock, replay, comparison."""
