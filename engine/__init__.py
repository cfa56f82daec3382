"""The Intercom peer: protocols, services and the facade that every front end uses."""
