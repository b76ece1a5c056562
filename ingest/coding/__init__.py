"""From what files write to the survey's codes and countries."""
