"""Whether maps show what a network decides by, in numbers."""
