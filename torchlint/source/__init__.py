"""Text and positions: what a file says before anyone asks what it means."""
