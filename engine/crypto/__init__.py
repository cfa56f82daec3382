"""Keys, handshakes and hashes; the only place that imports PyNaCl."""
