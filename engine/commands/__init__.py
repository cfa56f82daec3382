"""Every command, once: behind slash commands, palette, bridge CLI, help and docs."""
