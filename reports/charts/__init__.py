"""Parts that several pictures share: marks, axes, colours and the map of tiles."""
