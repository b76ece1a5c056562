"""The landing zone: shards of answers, and the shared stores they are sent to and fetched from."""
