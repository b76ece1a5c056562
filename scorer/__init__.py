"""Prompts x GGUF model -> choice log-likelihoods in the landing zone.

The scorer needs no survey and never opens the warehouse. Its entry points:

- `scorer.templates.named_template(name, wordings)`: a prompt template;
- `scorer.design.PromptDesign`: how questions are put; `expand_orders(names, ..)`: choice orders;
- `scorer.models.resolve_model(name_or_path, home, instrument)`: a name or path -> `ModelFile`;
  `scorer.models.locate_model(registered, home)`: where a registered model's file would be;
- `scorer.run.score(...)`: score what is missing -> `RunSummary`;
- `scorer.tasks.expand(plan, instrument)`: a study as tasks, `divide(tasks, count)`: its parts;
- `scorer.cluster.driver.score_on_cluster(...)`: the same on a Ray cluster;
- `scorer.describe.describe_prompt(...)`: exactly what a model is asked -> `PromptDescription`.
"""
