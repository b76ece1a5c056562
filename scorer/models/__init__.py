"""Model files: where they are, and the chat template that they carry."""
