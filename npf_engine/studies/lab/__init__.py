"""The Monge lab: many ways to learn a Brenier map, on the same data, by the same clock and measures."""
