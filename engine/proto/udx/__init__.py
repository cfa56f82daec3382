"""UDX: reliable streams over UDP (protocol reference 01-udx)."""
