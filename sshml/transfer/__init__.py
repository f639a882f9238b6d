"""What a network trained at one disorder strength does at others."""
