"""The DHT node and what it does: queries, announces, connections."""
