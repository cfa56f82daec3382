"""What a peer does for its user on top of the network."""
