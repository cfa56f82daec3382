"""SC-Bridge: the WebSocket API for agents (protocol reference 07-sc-bridge)."""
