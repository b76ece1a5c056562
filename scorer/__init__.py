"""Prompts x GGUF model -> choice log-likelihoods in the landing zone.

The scorer needs no survey and never opens the warehouse. Its entry points:

- `planning.templates.named_template(name, wordings)`: a prompt template;
- `planning.design.PromptDesign`: how questions are put; `expand_orders(names, ..)`: choice orders;
- `planning.division.expand(plan, instrument)`: a study as tasks; `divide(tasks, count)`: its parts;
- `models.files.resolve_model(name_or_path, home, instrument)`: a name or path -> `ModelFile`;
- `runs.session.ScoringSession`: score what is missing, design after design -> `RunSummary`;
- `cluster.driver.score_on_cluster(...)`: the same on a Ray cluster;
- `doctor.describe.describe_prompt(...)`: exactly what a model is asked -> `PromptDescription`;
- `trial.records.require_tried_engine()`: an engine that computes right numbers here, or an error.
"""
