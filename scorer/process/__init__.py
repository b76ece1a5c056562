"""The process that holds a model, and the messages between it and the one that lands answers."""
