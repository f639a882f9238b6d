"""What a configuration may say: its schema, what its nodes build, what a file may name."""
