"""Sans-IO protocol cores: time and randomness are arguments, bytes and events come out."""
