{{ named_deltas(
    ['model_size'],
    [
        'models.is_chat',
        'models.corpus_kind',
        'models.parameter_count',
        'other_models.parameter_count as other_parameter_count',
        'deltas.is_next_size',
        'deltas.is_largest_with_smallest',
    ],
) }}
