"""Networks: the convex potential, its amortizer, the map and the bridge. Pure torch modules."""
