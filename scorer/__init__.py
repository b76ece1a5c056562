"""Prompts x GGUF model -> choice log-likelihoods in the landing zone.

The scorer needs no survey and never opens the warehouse. Its entry points:

- `planning.templates.named_template(name, wordings)`: a prompt template;
- `planning.design.PromptDesign`: how questions are put; `expand_orders(names, ..)`: choice orders;
- `planning.division.expand(plan, instrument)`: a study as tasks; `divide(tasks, count)`: its parts;
- `models.files.resolve_model(name_or_path, home, instrument)`: a name or path -> `ModelFile`;
- `runs.request.scoring_request(home, models, ..)`: the options of `score` -> `Request`;
- `runs.session.ScoringSession`: score what is missing, design after design -> `RunSummary`;
- `runs.plan.score_plan(...)`, `cluster.plan.score_plan_on_cluster(...)`: a plan, here or with Ray;
- `doctor.describe.describe_prompt(...)`: exactly what a model is asked -> `PromptDescription`;
- `trial.records.require_tried_engine()`: an engine that computes right numbers here, or an error.
"""
