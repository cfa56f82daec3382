"""The command line: full-screen app, headless peer, bootstrap network, run script, doctor."""
