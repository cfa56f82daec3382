"""dht-rpc and HyperDHT (protocol reference 02-hyperdht)."""
