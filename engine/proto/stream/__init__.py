"""Secret stream: authenticated, encrypted frames (protocol reference 03-secure-stream)."""
