select
    display_name,
    family,
    parameter_count / 1e9 as billions_of_parameters,
    size_group,
    training_tokens / 1e12 as trillions_of_training_tokens,
    corpus_kind,
    release_month,
    training_cutoff_month,
    if(is_chat, 'chat', 'base') as base_or_chat,
    quantization,
    architecture,
    context_length,
    vocabulary_size,
    licence,
    in_paper,
    model_name,
    model_id
from marts.dim_models
order by family nulls last, parameter_count, display_name, quantization, model_id
