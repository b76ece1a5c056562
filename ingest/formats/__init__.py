"""Files of any format, as columns of text and numbers."""
