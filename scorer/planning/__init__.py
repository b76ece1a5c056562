"""Plans before scoring: designs, prompts, studies and their cost; loads no engine."""
