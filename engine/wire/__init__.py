"""Pure encodings: bytes and text in, values out."""
