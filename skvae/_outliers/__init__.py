"""What the detector judges by, on matrices. Never: torch."""
