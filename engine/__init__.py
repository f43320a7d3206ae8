"""Everything that touches a model; the live engines live here."""
