"""The full-screen terminal app and the command line."""
