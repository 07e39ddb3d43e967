"""The engine: cuts a domain into the faces of a network's polyhedral complex. It sees arrays only."""
