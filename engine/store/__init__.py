"""Files of a peer: atomic, private, locked."""
