"""Real projects, pinned, and what torchlint finds in them; see README.md in this directory."""
