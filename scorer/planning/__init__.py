"""What is asked of which models: designs, prompts, studies and their cost; loads no engine."""
